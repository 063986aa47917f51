//! Linking a guest to its host functions.

use wasmtime::Engine;
use wasmtime::component::types::{ComponentFunc, ComponentItem, Type};
use wasmtime::component::{Component, Linker, LinkerInstance, Resource, ResourceType, Val};

use super::clocks::Pollable;
use super::process::Terminal;
use super::streams::{InputStream, IoError, OutputStream};
use super::world::HasWorld;
use super::{ask, clocks, process, streams};

/// Host type behind every handle that this host never hands out: files, sockets and the like.
struct Absent;

/// Defines what the component imports. An import that is not defined here ends the guest when it is called. Later
/// definitions in the linker may replace these.
///
/// # Errors
/// If the component imports a function with another type than this host gives it.
pub fn link<T: HasWorld>(engine: &Engine, component: &Component) -> wasmtime::Result<Linker<T>> {
    let mut linker = Linker::new(engine);
    linker.allow_shadowing(true);
    for (name, item) in component.component_type().imports(engine) {
        if let ComponentItem::ComponentInstance(imported) = item.ty {
            let mut instance = linker.instance(name)?;
            for (name, item) in imported.exports(engine) {
                if matches!(item.ty, ComponentItem::Resource(_)) {
                    define_resource(name, &mut instance)?;
                }
            }
            let interface = interface_name(name);
            define(interface, &mut instance)?;
            if interface.starts_with("wasi:sockets/") || interface.starts_with("wasi:filesystem/") {
                for (name, item) in imported.exports(engine) {
                    if let ComponentItem::ComponentFunc(function) = item.ty {
                        deny(name, &function, &mut instance)?;
                    }
                }
            }
        } else if name == "ask" {
            ask::define(&mut linker.root())?;
        }
    }
    linker.define_unknown_imports_as_traps(component)?;
    Ok(linker)
}

/// The name of an imported interface without its version, such as `wasi:io/poll`.
pub fn interface_name(import: &str) -> &str {
    import.split('@').next().unwrap_or(import)
}

fn define<T: HasWorld>(interface: &str, to: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    match interface {
        "wasi:cli/environment" => process::define_environment(to),
        "wasi:cli/exit" => process::define_exit(to),
        "wasi:cli/stdin" | "wasi:cli/stdout" | "wasi:cli/stderr" => streams::define_standard(interface, to),
        "wasi:cli/terminal-stdin" => process::define_no_terminal(to, "get-terminal-stdin"),
        "wasi:cli/terminal-stdout" => process::define_no_terminal(to, "get-terminal-stdout"),
        "wasi:cli/terminal-stderr" => process::define_no_terminal(to, "get-terminal-stderr"),
        "wasi:clocks/monotonic-clock" => clocks::define_monotonic_clock(to),
        "wasi:clocks/wall-clock" => clocks::define_wall_clock(to),
        "wasi:random/random" => process::define_random(to),
        "wasi:io/poll" => clocks::define_poll(to),
        "wasi:io/streams" => {
            streams::define_input(to)?;
            streams::define_output(to)
        }
        "wasi:filesystem/preopens" => {
            to.func_wrap("get-directories", |_, (): ()| Ok((Vec::<(Resource<Absent>, String)>::new(),)))
        }
        "wasi:sockets/instance-network" => {
            to.func_wrap("instance-network", |mut store: wasmtime::StoreContextMut<'_, T>, (): ()| {
                Ok((store.data_mut().world_mut().new_handle::<Absent>(0)?,))
            })
        }
        _ => Ok(()),
    }
}

/// Makes a function of files or sockets answer that access is denied, if its result type has such an error code.
fn deny<T: HasWorld>(name: &str, function: &ComponentFunc, to: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    let Some(Type::Result(result)) = function.results().next() else { return Ok(()) };
    let Some(Type::Enum(codes)) = result.err() else { return Ok(()) };
    let Some(code) = codes.names().find(|code| matches!(*code, "access-denied" | "access")) else { return Ok(()) };
    let denied = Val::Result(Err(Some(Box::new(Val::Enum(code.to_owned())))));
    to.func_new(name, move |_, _, _, results| {
        results[0] = denied.clone();
        Ok(())
    })
}

/// Defines a type of handle, which several interfaces may name; types of which none is handed out share one host type.
fn define_resource<T: HasWorld>(name: &str, to: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    let host_type = match name {
        "pollable" => {
            return to.resource(name, ResourceType::host::<Pollable>(), |mut store, timer| {
                let world = store.data_mut().world_mut();
                world.timers.remove(timer);
                world.drop_handle();
                Ok(())
            });
        }
        "error" => ResourceType::host::<IoError>(),
        "input-stream" => ResourceType::host::<InputStream>(),
        "output-stream" => ResourceType::host::<OutputStream>(),
        "terminal-input" | "terminal-output" => ResourceType::host::<Terminal>(),
        _ => ResourceType::host::<Absent>(),
    };
    to.resource(name, host_type, |mut store, _| {
        store.data_mut().world_mut().drop_handle();
        Ok(())
    })
}
