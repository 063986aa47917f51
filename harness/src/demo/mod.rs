//! The demonstration: a hub and a registry with one honest model of each kind that enters a subnet.

mod layout;
mod preset;

pub(crate) use layout::{DemoError, LAYOUT, LAYOUTS, hub_folder, lay_out, registry};

pub(crate) use preset::settings;
