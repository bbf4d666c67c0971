//! The engine against a real store and the sandbox's stand-in of a provider, over real HTTP.

mod actions;
mod customer_actions;
mod effects;
mod operator_actions;
mod order;
mod panics;
mod plans;
mod refresh;
mod remade;
mod sca;
mod syncs;
mod webhooks;
mod world;
