//! The virtual world of a guest: everything it can ask of its host. There are no files, no sockets, no environment and no
//! arguments; the clock runs on fuel, and entropy is a function of the job's seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use blake3::OutputReader;
use wasmtime::component::types::{ComponentFunc, ComponentItem, Type};
use wasmtime::component::{
    Component, ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType, Val, WasmList,
};
use wasmtime::{Engine, ResourceLimiter, StoreContextMut};

use crate::build::{Files, Listing};
use crate::error::SandboxError;
use crate::limits::Limits;
use crate::outcome::Outcome;

/// 2026-01-01T00:00:00Z; a job's clock starts in the year that follows.
const EPOCH_SECONDS: u64 = 1_767_225_600;
const YEAR_SECONDS: u64 = 31_536_000;
const NANOSECONDS: u64 = 1_000_000_000;
/// The most bytes that one request for entropy, or one read, may ask the host to make.
pub(crate) const LARGEST_ANSWER: u64 = 1 << 16;
/// The most handles to streams, timers and errors that a program may hold at a time; an interpreter needs a handful.
pub(crate) const MOST_HANDLES: u32 = 10_000;

const STDIN: u32 = 0;
const STDOUT: u32 = 1;
const STDERR: u32 = 2;

/// Why a host function ended the guest; carried as the error of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    #[error("the program exited with status {0}")]
    Exited(u8),
    #[error("the program wrote more than it may")]
    OutputTooLong,
    #[error("the program asked for more memory than it may have")]
    OutOfMemory,
    #[error("the program asked its host for more than any program needs")]
    Greedy,
    #[error("the deadline passed")]
    Deadline,
    #[error("nobody waits for the result")]
    Cancelled,
}

/// Answers the questions of a test program about a candidate that lives elsewhere.
pub(crate) trait Candidate: Send {
    /// Calls the function with plain data; the inner `Err` is what the candidate raised.
    fn ask(&mut self, function: &str, arguments: &str) -> Result<Result<String, String>, SandboxError>;

    /// Whether it can still be asked.
    fn is_there(&self) -> bool;

    /// What the candidate came to.
    fn finish(self: Box<Self>) -> Result<Outcome, SandboxError>;
}

/// The host's side of one guest.
pub(crate) struct World {
    limits: Limits,
    entropy: OutputReader,
    wall_start: u64,
    slept: u64,
    timers: Vec<Option<u64>>,
    /// Places in `timers` that nobody holds.
    free_timers: Vec<u32>,
    /// Handles that the guest holds.
    handles: u32,
    stdin: Vec<u8>,
    read: usize,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) memory: u64,
    pub(crate) candidate: Option<Box<dyn Candidate>>,
    files: Option<Files>,
    environment: Vec<(String, String)>,
    cancelled: Arc<AtomicBool>,
    started: Instant,
    allowed: Duration,
}

impl World {
    pub(crate) fn new(limits: Limits, seed: u64, stdin: String, cancelled: Arc<AtomicBool>, allowed: Duration) -> Self {
        let mut entropy =
            blake3::Hasher::new_derive_key("dethrone sandbox entropy").update(&seed.to_le_bytes()).finalize_xof();
        let mut start = [0; 8];
        entropy.fill(&mut start);
        Self {
            limits,
            entropy,
            wall_start: (EPOCH_SECONDS + u64::from_le_bytes(start) % YEAR_SECONDS) * NANOSECONDS,
            slept: 0,
            timers: Vec::new(),
            free_timers: Vec::new(),
            handles: 0,
            stdin: stdin.into_bytes(),
            read: 0,
            stdout: Vec::new(),
            stderr: Vec::new(),
            memory: 0,
            candidate: None,
            files: None,
            environment: Vec::new(),
            cancelled,
            started: wall_clock(),
            allowed,
        }
    }

    /// The same world with files and an environment: only while the guest itself is built.
    pub(crate) fn with(self, files: Files, environment: Vec<(String, String)>) -> Self {
        Self { files: Some(files), environment, ..self }
    }

    pub(crate) fn files(&mut self) -> wasmtime::Result<&mut Files> {
        self.files.as_mut().ok_or_else(|| wasmtime::Error::msg("there are no files"))
    }

    /// Whether the guest must end for a reason that is not its own.
    pub(crate) fn interruption(&self) -> Option<Stop> {
        if self.cancelled.load(Ordering::Relaxed) {
            Some(Stop::Cancelled)
        } else if wall_clock() - self.started >= self.allowed {
            Some(Stop::Deadline)
        } else {
            None
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How long the guest may run by the host's clock.
    pub(crate) fn allowed(&self) -> Duration {
        self.allowed
    }

    fn take(&mut self, stream: u32, length: u64) -> Vec<u8> {
        let length = usize::try_from(length.min(LARGEST_ANSWER)).expect("bounded above");
        if let (Some(files), Some(stream)) = (&mut self.files, stream.checked_sub(STDIN + 1)) {
            return files.read(stream, length);
        }
        let rest = &self.stdin[self.read..];
        let taken = rest[..length.min(rest.len())].to_vec();
        self.read += taken.len();
        taken
    }

    fn write(&mut self, stream: u32, contents: &[u8]) -> Result<(), Stop> {
        let used = self.stdout.len() + self.stderr.len();
        let room = usize::try_from(self.limits.output_bytes).unwrap_or(usize::MAX).saturating_sub(used);
        let fits = &contents[..contents.len().min(room)];
        match stream {
            STDOUT => self.stdout.extend_from_slice(fits),
            _ => self.stderr.extend_from_slice(fits),
        }
        if fits.len() < contents.len() { Err(Stop::OutputTooLong) } else { Ok(()) }
    }

    pub(crate) fn handle<T: 'static>(&mut self, representation: u32) -> Result<Resource<T>, Stop> {
        self.handles += 1;
        if self.handles > MOST_HANDLES { Err(Stop::Greedy) } else { Ok(Resource::new_own(representation)) }
    }

    fn timer(&mut self, at: u64) -> Result<Resource<Pollable>, Stop> {
        let free = self.free_timers.pop().unwrap_or_else(|| {
            self.timers.push(None);
            u32::try_from(self.timers.len() - 1).expect("fewer timers than handles")
        });
        self.timers[free as usize] = Some(at);
        self.handle(free)
    }

    /// The guest lets go of a timer.
    fn drop_timer(&mut self, place: u32) {
        if let Some(timer) = self.timers.get_mut(place as usize)
            && timer.take().is_some()
        {
            self.free_timers.push(place);
        }
        self.drop_handle();
    }

    fn drop_handle(&mut self) {
        self.handles = self.handles.saturating_sub(1);
    }

    fn due(&self, timer: &Resource<Pollable>) -> wasmtime::Result<u64> {
        let found = self.timers.get(timer.rep() as usize).copied().flatten();
        found.ok_or_else(|| wasmtime::Error::msg("a timer that does not exist"))
    }
}

impl ResourceLimiter for World {
    fn memory_growing(&mut self, _current: usize, desired: usize, most: Option<usize>) -> wasmtime::Result<bool> {
        if most.is_some_and(|most| desired > most) {
            return Ok(false);
        }
        let desired = u64::try_from(desired).unwrap_or(u64::MAX);
        if desired > self.limits.memory_bytes {
            return Err(Stop::OutOfMemory.into());
        }
        self.memory = self.memory.max(desired);
        Ok(true)
    }

    /// What was granted and cannot be had is trouble of this machine, unless it is more than any memory can have: of that
    /// the limiter is not asked, and only the error's text tells.
    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        if error.to_string().contains("exceeds memory type's limits") {
            return Ok(());
        }
        Err(wasmtime::Error::new(SandboxError::Runtime(format!("a guest's memory cannot grow: {error:#}"))))
    }

    fn table_growing(&mut self, _current: usize, _desired: usize, _most: Option<usize>) -> wasmtime::Result<bool> {
        Ok(true)
    }
}

#[expect(clippy::disallowed_methods, reason = "the net below the fuel: what it catches is never a score")]
fn wall_clock() -> Instant {
    Instant::now()
}

/// Nanoseconds of guest time: a nanosecond for each unit of fuel, and whatever was slept.
fn now(store: &StoreContextMut<'_, World>) -> wasmtime::Result<u64> {
    let world = store.data();
    let used = world.limits.fuel.saturating_sub(store.get_fuel()?);
    Ok(used.saturating_add(world.slept))
}

pub(crate) struct InputStream;
struct OutputStream;
struct Pollable;
struct IoError;
pub(crate) struct Descriptor;
struct Terminal;
struct Absent;

#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

#[derive(Clone, Copy, ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct Datetime {
    pub(crate) seconds: u64,
    pub(crate) nanoseconds: u32,
}

/// Defines the functions of an interface.
pub(crate) type Define = fn(&str, &mut LinkerInstance<'_, World>) -> wasmtime::Result<()>;

/// Defines what the component imports. What is not defined here ends the guest when it is called.
pub(crate) fn link(engine: &Engine, component: &Component, files: Option<Define>) -> wasmtime::Result<Linker<World>> {
    let mut linker = Linker::new(engine);
    linker.allow_shadowing(true);
    for (name, item) in component.component_type().imports(engine) {
        if let ComponentItem::ComponentInstance(imported) = item.ty {
            let mut instance = linker.instance(name)?;
            for (name, item) in imported.exports(engine) {
                if matches!(item.ty, ComponentItem::Resource(_)) {
                    resource(name, &mut instance)?;
                }
            }
            let interface = name.split('@').next().unwrap_or(name);
            define(interface, &mut instance)?;
            if interface.starts_with("wasi:sockets/") || interface.starts_with("wasi:filesystem/") {
                for (name, item) in imported.exports(engine) {
                    if let ComponentItem::ComponentFunc(function) = item.ty {
                        refuse(name, &function, &mut instance)?;
                    }
                }
            }
            if let Some(files) = files {
                files(interface, &mut instance)?;
            }
        } else if name == "ask" {
            linker.root().func_wrap("ask", ask)?;
        }
    }
    linker.define_unknown_imports_as_traps(component)?;
    Ok(linker)
}

fn define(name: &str, to: &mut LinkerInstance<'_, World>) -> wasmtime::Result<()> {
    match name {
        "wasi:cli/environment" | "wasi:cli/exit" => cli(name, to),
        "wasi:cli/stdin" | "wasi:cli/stdout" | "wasi:cli/stderr" => standard_streams(name, to),
        "wasi:clocks/monotonic-clock" | "wasi:clocks/wall-clock" => clocks(name, to),
        "wasi:random/random" => random(to),
        "wasi:io/poll" => polling(to),
        "wasi:io/streams" => {
            input(to)?;
            output(to)
        }
        "wasi:cli/terminal-stdin" => no_terminal(to, "get-terminal-stdin"),
        "wasi:cli/terminal-stdout" => no_terminal(to, "get-terminal-stdout"),
        "wasi:cli/terminal-stderr" => no_terminal(to, "get-terminal-stderr"),
        "wasi:filesystem/preopens" => {
            to.func_wrap("get-directories", |_, (): ()| Ok((Vec::<(Resource<Descriptor>, String)>::new(),)))
        }
        "wasi:sockets/instance-network" => to
            .func_wrap("instance-network", |mut store: StoreContextMut<'_, World>, (): ()| {
                Ok((store.data_mut().handle::<Absent>(0)?,))
            }),
        _ => Ok(()),
    }
}

/// Makes a function of files or sockets answer that access is denied, if it has a way to say so.
fn refuse(name: &str, function: &ComponentFunc, to: &mut LinkerInstance<'_, World>) -> wasmtime::Result<()> {
    let Some(Type::Result(result)) = function.results().next() else { return Ok(()) };
    let Some(Type::Enum(codes)) = result.err() else { return Ok(()) };
    let Some(code) = codes.names().find(|code| matches!(*code, "access-denied" | "access")) else { return Ok(()) };
    let denied = Val::Result(Err(Some(Box::new(Val::Enum(code.to_owned())))));
    to.func_new(name, move |_, _, _, results| {
        results[0] = denied.clone();
        Ok(())
    })
}

/// A kind of handle, which several interfaces may name; kinds that nothing here hands out are all alike.
fn resource(name: &str, to: &mut LinkerInstance<'_, World>) -> wasmtime::Result<()> {
    let plain = |ty| {
        move |to: &mut LinkerInstance<'_, World>| {
            to.resource(name, ty, |mut store, _| {
                store.data_mut().drop_handle();
                Ok(())
            })
        }
    };
    match name {
        "pollable" => to.resource(name, ResourceType::host::<Pollable>(), |mut store, timer| {
            store.data_mut().drop_timer(timer);
            Ok(())
        }),
        "error" => plain(ResourceType::host::<IoError>())(to),
        "input-stream" => plain(ResourceType::host::<InputStream>())(to),
        "output-stream" => plain(ResourceType::host::<OutputStream>())(to),
        "terminal-input" | "terminal-output" => plain(ResourceType::host::<Terminal>())(to),
        "descriptor" => plain(ResourceType::host::<Descriptor>())(to),
        "directory-entry-stream" => plain(ResourceType::host::<Listing>())(to),
        _ => plain(ResourceType::host::<Absent>())(to),
    }
}

fn no_terminal(to: &mut LinkerInstance<'_, World>, name: &str) -> wasmtime::Result<()> {
    to.func_wrap(name, |_, (): ()| Ok((None::<Resource<Terminal>>,)))
}

fn cli(name: &str, to: &mut LinkerInstance<'_, World>) -> wasmtime::Result<()> {
    if name == "wasi:cli/exit" {
        return to.func_wrap("exit", |_, (status,): (Result<(), ()>,)| -> wasmtime::Result<()> {
            Err(Stop::Exited(u8::from(status.is_err())).into())
        });
    }
    to.func_wrap("get-environment", |store: StoreContextMut<'_, World>, (): ()| {
        Ok((store.data().environment.clone(),))
    })?;
    to.func_wrap("get-arguments", |_, (): ()| Ok((Vec::<String>::new(),)))?;
    to.func_wrap("initial-cwd", |_, (): ()| Ok((None::<String>,)))
}

fn standard_streams(name: &str, to: &mut LinkerInstance<'_, World>) -> wasmtime::Result<()> {
    match name {
        "wasi:cli/stdin" => to.func_wrap("get-stdin", |mut store: StoreContextMut<'_, World>, (): ()| {
            Ok((store.data_mut().handle::<InputStream>(STDIN)?,))
        }),
        "wasi:cli/stdout" => to.func_wrap("get-stdout", |mut store: StoreContextMut<'_, World>, (): ()| {
            Ok((store.data_mut().handle::<OutputStream>(STDOUT)?,))
        }),
        _ => to.func_wrap("get-stderr", |mut store: StoreContextMut<'_, World>, (): ()| {
            Ok((store.data_mut().handle::<OutputStream>(STDERR)?,))
        }),
    }
}

fn clocks(name: &str, to: &mut LinkerInstance<'_, World>) -> wasmtime::Result<()> {
    if name == "wasi:clocks/wall-clock" {
        to.func_wrap("now", |store: StoreContextMut<'_, World>, (): ()| {
            let at = store.data().wall_start.saturating_add(now(&store)?);
            let nanoseconds = u32::try_from(at % NANOSECONDS).expect("below a thousand million");
            Ok((Datetime { seconds: at / NANOSECONDS, nanoseconds },))
        })?;
        return to.func_wrap("resolution", |_, (): ()| Ok((Datetime { seconds: 0, nanoseconds: 1 },)));
    }
    to.func_wrap("now", |store: StoreContextMut<'_, World>, (): ()| Ok((now(&store)?,)))?;
    to.func_wrap("resolution", |_, (): ()| Ok((1_u64,)))?;
    to.func_wrap("subscribe-instant", |mut store: StoreContextMut<'_, World>, (at,): (u64,)| {
        Ok((store.data_mut().timer(at)?,))
    })?;
    to.func_wrap("subscribe-duration", |mut store: StoreContextMut<'_, World>, (span,): (u64,)| {
        let at = now(&store)?.saturating_add(span);
        Ok((store.data_mut().timer(at)?,))
    })
}

fn random(to: &mut LinkerInstance<'_, World>) -> wasmtime::Result<()> {
    to.func_wrap("get-random-bytes", |mut store: StoreContextMut<'_, World>, (length,): (u64,)| {
        if length > LARGEST_ANSWER {
            return Err(Stop::Greedy.into());
        }
        let mut bytes = vec![0; usize::try_from(length).expect("bounded above")];
        store.data_mut().entropy.fill(&mut bytes);
        Ok((bytes,))
    })?;
    to.func_wrap("get-random-u64", |mut store: StoreContextMut<'_, World>, (): ()| {
        let mut bytes = [0; 8];
        store.data_mut().entropy.fill(&mut bytes);
        Ok((u64::from_le_bytes(bytes),))
    })
}

/// Waiting moves the guest's clock to the first timer that is due; no thread sleeps.
fn wait(store: &mut StoreContextMut<'_, World>, due: u64) -> wasmtime::Result<()> {
    let missing = due.saturating_sub(now(store)?);
    let world = store.data_mut();
    world.slept = world.slept.saturating_add(missing);
    Ok(())
}

fn polling(to: &mut LinkerInstance<'_, World>) -> wasmtime::Result<()> {
    to.func_wrap("[method]pollable.ready", |store: StoreContextMut<'_, World>, (timer,): (Resource<Pollable>,)| {
        Ok((store.data().due(&timer)? <= now(&store)?,))
    })?;
    to.func_wrap(
        "[method]pollable.block",
        |mut store: StoreContextMut<'_, World>, (timer,): (Resource<Pollable>,)| {
            let due = store.data().due(&timer)?;
            wait(&mut store, due)
        },
    )?;
    to.func_wrap("poll", |mut store: StoreContextMut<'_, World>, (timers,): (Vec<Resource<Pollable>>,)| {
        let due = timers.iter().map(|timer| store.data().due(timer)).collect::<wasmtime::Result<Vec<_>>>()?;
        let Some(first) = due.iter().min() else { return Err(wasmtime::Error::msg("a poll of nothing")) };
        wait(&mut store, *first)?;
        let at = now(&store)?;
        let ready = (0_u32..).zip(&due).filter(|(_, due)| **due <= at).map(|(index, _)| index).collect::<Vec<_>>();
        Ok((ready,))
    })
}

type Handle<T> = (Resource<T>,);
type Streamed<T> = (Result<T, StreamError>,);

fn input(to: &mut LinkerInstance<'_, World>) -> wasmtime::Result<()> {
    for name in ["[method]input-stream.read", "[method]input-stream.blocking-read"] {
        to.func_wrap(
            name,
            |mut store: StoreContextMut<'_, World>,
             (stream, length): (Resource<InputStream>, u64)|
             -> wasmtime::Result<Streamed<Vec<u8>>> {
                let taken = store.data_mut().take(stream.rep(), length);
                Ok((if taken.is_empty() && length > 0 { Err(StreamError::Closed) } else { Ok(taken) },))
            },
        )?;
    }
    to.func_wrap(
        "[method]input-stream.subscribe",
        |mut store: StoreContextMut<'_, World>, (_,): Handle<InputStream>| Ok((store.data_mut().timer(0)?,)),
    )
}

fn output(to: &mut LinkerInstance<'_, World>) -> wasmtime::Result<()> {
    to.func_wrap(
        "[method]output-stream.check-write",
        |_, (_,): Handle<OutputStream>| -> wasmtime::Result<Streamed<u64>> { Ok((Ok(LARGEST_ANSWER),)) },
    )?;
    for name in ["[method]output-stream.write", "[method]output-stream.blocking-write-and-flush"] {
        to.func_wrap(
            name,
            |mut store: StoreContextMut<'_, World>,
             (stream, contents): (Resource<OutputStream>, WasmList<u8>)|
             -> wasmtime::Result<Streamed<()>> {
                if contents.len() as u64 > LARGEST_ANSWER {
                    return Err(Stop::Greedy.into());
                }
                let contents = contents.as_le_slice(&store).to_vec();
                store.data_mut().write(stream.rep(), &contents)?;
                Ok((Ok(()),))
            },
        )?;
    }
    for name in ["[method]output-stream.flush", "[method]output-stream.blocking-flush"] {
        to.func_wrap(name, |_, (_,): Handle<OutputStream>| -> wasmtime::Result<Streamed<()>> { Ok((Ok(()),)) })?;
    }
    to.func_wrap(
        "[method]output-stream.subscribe",
        |mut store: StoreContextMut<'_, World>, (_,): Handle<OutputStream>| Ok((store.data_mut().timer(0)?,)),
    )
}

/// A test program's question; any other program is told that there is nobody to ask.
fn ask(
    mut store: StoreContextMut<'_, World>,
    (function, arguments): (String, String),
) -> wasmtime::Result<(Result<String, String>,)> {
    let Some(mut candidate) = store.data_mut().candidate.take() else {
        return Ok((Err("there is no candidate".to_owned()),));
    };
    let answer = candidate.ask(&function, &arguments);
    store.data_mut().candidate = Some(candidate);
    Ok((answer.map_err(wasmtime::Error::new)?,))
}
