//! The engine against a real store and the sandbox's stand-in of a provider, over real HTTP.

mod effects;
mod order;
mod world;
