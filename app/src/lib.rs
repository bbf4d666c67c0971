//! The screens: components, layout and pages as server HTML, and the few islands that run in the browser.

#![recursion_limit = "256"]
#![expect(clippy::needless_pass_by_value, reason = "a component owns its properties")]

pub mod components;
pub mod islands;

#[cfg(feature = "ssr")]
pub mod actions;
#[cfg(feature = "ssr")]
pub mod context;
#[cfg(feature = "ssr")]
pub mod cookies;
#[cfg(feature = "ssr")]
pub mod layout;
#[cfg(feature = "ssr")]
pub mod pages;
#[cfg(feature = "ssr")]
pub mod search;
#[cfg(feature = "ssr")]
pub mod shell;

#[cfg(all(test, feature = "ssr"))]
mod dev_gallery;
