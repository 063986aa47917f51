//! The build from the unpacked wheel to the component.

use std::io;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use component_init_transform::Invoker;

use super::interpreter::Interpreter;
use super::link::link;
use super::parts::Parts;
use super::sources::{BINDING, GUEST, LIBRARY, RESOURCE, THREADS};
use super::tree::FileTree;
use crate::error::BuildError;

/// Builds the component from an unpacked wheel of [`COMPONENTIZE_PY`](super::COMPONENTIZE_PY).
pub(crate) fn build(wheel: &Path) -> Result<Vec<u8>, BuildError> {
    let failed = |error: anyhow::Error| BuildError::Build(format!("{error:#}"));
    let parts = Parts::read(wheel)?;
    let (linked, metadata) = link(&parts).map_err(failed)?;
    let files = library(&parts).map_err(|error| failed(error.into()))?;
    let capture = component_init_transform::initialize(&linked, move |instrumented| {
        Box::pin(async move {
            let mut interpreter = Interpreter::start(&instrumented, files, &metadata).map_err(anyhow::Error::msg)?;
            interpreter.settle().map_err(|error| anyhow::Error::msg(format!("{error:#}")))?;
            Ok(Box::new(interpreter) as Box<dyn Invoker>)
        })
    });
    // The interpreter runs on this thread, so that nothing in the future ever waits.
    match pin!(capture).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(component) => component.map_err(failed),
        Poll::Pending => Err(BuildError::Build("the capture waits for something".to_owned())),
    }
}

/// The files that the interpreter imports from.
fn library(parts: &Parts) -> io::Result<FileTree> {
    let mut files = FileTree::default();
    let standard_library = files.add_root("python");
    files.add_archive(standard_library, &parts.standard_library)?;
    let helpers = files.add_root("bundled");
    files.add_archive(helpers, &parts.helpers)?;
    let ours = files.add_root("guest");
    for source in [BINDING, GUEST, THREADS, LIBRARY, RESOURCE] {
        files.add_file(ours, source.name, source.text.as_bytes().to_vec());
    }
    Ok(files)
}
