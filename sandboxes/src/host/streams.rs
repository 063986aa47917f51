//! Standard streams: `wasi:cli/{stdin, stdout, stderr}` and `wasi:io/streams`.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, LinkerInstance, Lower, Resource, WasmList};

use super::world::{HasWorld, LARGEST_TRANSFER, Output, Stop};

/// Representations of the stream handles.
const STDIN: u32 = 0;
const STDOUT: u32 = 1;
const STDERR: u32 = 2;

/// Host type behind the handle `input-stream`; representation 0 is standard input.
pub struct InputStream;
/// Host type behind the handle `output-stream`.
pub(super) struct OutputStream;
/// Host type behind the handle `error` of `wasi:io/error`, of which no guest ever gets one.
pub struct IoError;

/// `wasi:io/streams.stream-error`.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
pub enum StreamError {
    /// An operation failed; never answered here.
    #[component(name = "last-operation-failed")]
    LastOperationFailed(Resource<IoError>),
    /// The stream is at its end.
    #[component(name = "closed")]
    Closed,
}

type Streamed<T> = (Result<T, StreamError>,);

/// Defines the function of `wasi:cli/stdin`, `stdout` or `stderr` that hands out the stream.
pub(super) fn define_standard<T: HasWorld>(interface: &str, to: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    match interface {
        "wasi:cli/stdin" => to.func_wrap("get-stdin", |mut store: StoreContextMut<'_, T>, (): ()| {
            Ok((store.data_mut().world_mut().new_handle::<InputStream>(STDIN)?,))
        }),
        "wasi:cli/stdout" => to.func_wrap("get-stdout", |mut store: StoreContextMut<'_, T>, (): ()| {
            Ok((store.data_mut().world_mut().new_handle::<OutputStream>(STDOUT)?,))
        }),
        _ => to.func_wrap("get-stderr", |mut store: StoreContextMut<'_, T>, (): ()| {
            Ok((store.data_mut().world_mut().new_handle::<OutputStream>(STDERR)?,))
        }),
    }
}

/// Defines the methods of `input-stream`.
pub(super) fn define_input<T: HasWorld>(to: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    for name in ["[method]input-stream.read", "[method]input-stream.blocking-read"] {
        to.func_wrap(
            name,
            |mut store: StoreContextMut<'_, T>,
             (_, length): (Resource<InputStream>, u64)|
             -> wasmtime::Result<Streamed<Vec<u8>>> {
                let taken = store.data_mut().world_mut().read_stdin(length);
                Ok((if taken.is_empty() && length > 0 { Err(StreamError::Closed) } else { Ok(taken) },))
            },
        )?;
    }
    to.func_wrap(
        "[method]input-stream.subscribe",
        |mut store: StoreContextMut<'_, T>, (_,): (Resource<InputStream>,)| {
            Ok((store.data_mut().world_mut().new_timer(0)?,))
        },
    )
}

/// Defines the methods of `output-stream`.
pub(super) fn define_output<T: HasWorld>(to: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    type This = (Resource<OutputStream>,);
    to.func_wrap("[method]output-stream.check-write", |_, (_,): This| -> wasmtime::Result<Streamed<u64>> {
        Ok((Ok(LARGEST_TRANSFER),))
    })?;
    for name in ["[method]output-stream.write", "[method]output-stream.blocking-write-and-flush"] {
        to.func_wrap(
            name,
            |mut store: StoreContextMut<'_, T>,
             (stream, contents): (Resource<OutputStream>, WasmList<u8>)|
             -> wasmtime::Result<Streamed<()>> {
                if contents.len() as u64 > LARGEST_TRANSFER {
                    return Err(Stop::RequestTooLarge.into());
                }
                let contents = contents.as_le_slice(&store).to_vec();
                let output = if stream.rep() == STDOUT { Output::Stdout } else { Output::Stderr };
                store.data_mut().world_mut().write(output, &contents)?;
                Ok((Ok(()),))
            },
        )?;
    }
    for name in ["[method]output-stream.flush", "[method]output-stream.blocking-flush"] {
        to.func_wrap(name, |_, (_,): This| -> wasmtime::Result<Streamed<()>> { Ok((Ok(()),)) })?;
    }
    to.func_wrap("[method]output-stream.subscribe", |mut store: StoreContextMut<'_, T>, (_,): This| {
        Ok((store.data_mut().world_mut().new_timer(0)?,))
    })
}
