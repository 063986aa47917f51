//! Store data of the interpreter while the guest is built: a guest's world with files and environment variables.

use sandboxes::host::{self, HasWorld, InputStream, LARGEST_TRANSFER, StreamError, World};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, LinkerInstance, Resource, ResourceType};
use wasmtime::{Engine, StoreContextMut};

use super::filesystem::{self, Descriptor, Listing};
use super::tree::FileTree;

/// World of a guest, with what only the build has.
pub(super) struct BuildWorld {
    pub(super) world: World,
    /// The files that the interpreter imports from.
    pub(super) files: FileTree,
    /// Environment variables.
    pub(super) environment: Vec<(String, String)>,
    /// True once the interpreter has imported: a file that it looks for after that would be a handle in the captured memory
    /// that no guest has.
    pub(super) is_closed: bool,
}

impl HasWorld for BuildWorld {
    fn world(&self) -> &World {
        &self.world
    }

    fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }
}

/// The linker of a guest, with the functions of files and environment replaced.
pub(super) fn link_with_files(engine: &Engine, component: &Component) -> wasmtime::Result<Linker<BuildWorld>> {
    let mut linker = host::link(engine, component)?;
    for (name, item) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(imported) = item.ty else { continue };
        let mut instance = linker.instance(name)?;
        for (name, item) in imported.exports(engine) {
            if matches!(item.ty, ComponentItem::Resource(_)) {
                define_resource(name, &mut instance)?;
            }
        }
        match host::interface_name(name) {
            "wasi:cli/environment" => define_environment(&mut instance)?,
            "wasi:io/streams" => define_input(&mut instance)?,
            interface => filesystem::define(interface, &mut instance)?,
        }
    }
    Ok(linker)
}

fn define_resource(name: &str, to: &mut LinkerInstance<'_, BuildWorld>) -> wasmtime::Result<()> {
    let host_type = match name {
        "descriptor" => ResourceType::host::<Descriptor>(),
        "directory-entry-stream" => ResourceType::host::<Listing>(),
        _ => return Ok(()),
    };
    to.resource(name, host_type, |mut store, _| {
        store.data_mut().world.drop_handle();
        Ok(())
    })
}

fn define_environment(to: &mut LinkerInstance<'_, BuildWorld>) -> wasmtime::Result<()> {
    to.func_wrap("get-environment", |store: StoreContextMut<'_, BuildWorld>, (): ()| {
        Ok((store.data().environment.clone(),))
    })
}

/// Defines reading from a stream: number 0 is standard input, the others are those of the file tree.
fn define_input(to: &mut LinkerInstance<'_, BuildWorld>) -> wasmtime::Result<()> {
    for name in ["[method]input-stream.read", "[method]input-stream.blocking-read"] {
        to.func_wrap(
            name,
            |mut store: StoreContextMut<'_, BuildWorld>,
             (stream, length): (Resource<InputStream>, u64)|
             -> wasmtime::Result<(Result<Vec<u8>, StreamError>,)> {
                let BuildWorld { world, files, .. } = store.data_mut();
                let taken = match stream.rep().checked_sub(1) {
                    None => world.read_stdin(length),
                    Some(stream) => {
                        files.read(stream, usize::try_from(length.min(LARGEST_TRANSFER)).expect("bounded above"))
                    }
                };
                Ok((if taken.is_empty() && length > 0 { Err(StreamError::Closed) } else { Ok(taken) },))
            },
        )?;
    }
    Ok(())
}
