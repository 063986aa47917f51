//! Instances of the guest: one is made for each program, driven through its exports and dropped afterwards.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use wasmtime::component::{
    Component, ComponentExportIndex, ComponentNamedList, Instance, InstancePre, Lift, Lower, TypedFunc, WasmList,
};
use wasmtime::{Engine, Store, Trap, UpdateDeadline};

use crate::error::SandboxError;
use crate::host::{Candidate, GuestStatus, Stop, World, link};
use crate::limits::Limits;
use crate::outcome::{Ending, Outcome};
use crate::plain;

/// A linked component from which guests are made.
pub(crate) struct Template {
    engine: Engine,
    pre: InstancePre<World>,
    load: ComponentExportIndex,
    call: ComponentExportIndex,
    finish: ComponentExportIndex,
}

impl Template {
    pub(crate) fn new(engine: &Engine, component: &Component) -> wasmtime::Result<Self> {
        let export = |name: &str| {
            component.get_export_index(None, name).ok_or_else(|| wasmtime::format_err!("the guest lacks `{name}`"))
        };
        prepare_image(component)?;
        Ok(Self {
            pre: link(engine, component)?.instantiate_pre(component)?,
            engine: engine.clone(),
            load: export("load")?,
            call: export("call")?,
            finish: export("finish")?,
        })
    }

    /// Number of instances of this engine that exist.
    pub(crate) fn instances(&self) -> u64 {
        self.engine.pooling_allocator_metrics().map_or(0, |metrics| metrics.component_instances())
    }
}

/// Makes the copy-on-write image of the component's memory, which otherwise the first instance would make.
///
/// The kernel refuses to seal the image for as long as it holds a page of it for itself, as it does while it moves pages
/// about; that passes, and would fail an instance here and there on a busy machine.
fn prepare_image(component: &Component) -> wasmtime::Result<()> {
    let mut image = component.initialize_copy_on_write_image();
    for _ in 0..IMAGE_ATTEMPTS {
        if image.is_ok() {
            break;
        }
        std::thread::sleep(IMAGE_PAUSE);
        image = component.initialize_copy_on_write_image();
    }
    image
}

/// Further attempts at making the image.
const IMAGE_ATTEMPTS: u32 = 20;
/// Pause before each of them; the kernel itself waits for a sixth of a second.
const IMAGE_PAUSE: Duration = Duration::from_millis(100);

/// Maker of guests that differ in their limits alone.
pub(crate) struct GuestMaker {
    pub(crate) template: Arc<Template>,
    pub(crate) seed: u64,
    pub(crate) cancelled: Arc<AtomicBool>,
    /// Longest run time of each by the host's clock.
    pub(crate) deadline: Duration,
}

impl GuestMaker {
    /// A new guest with empty standard input.
    pub(crate) fn guest(&self, limits: Limits) -> Result<Guest, SandboxError> {
        let world = World::new(limits, self.seed, String::new(), Arc::clone(&self.cancelled), self.deadline);
        Guest::new(&self.template, world)
    }
}

/// A guest, or its remains once it has ended.
pub(crate) struct Guest {
    template: Arc<Template>,
    store: Store<World>,
    instance: Option<Instance>,
    /// Fuel that the guest started with.
    fuel: u64,
    /// Largest returned value in bytes.
    output: usize,
    /// Set once the guest can no longer be entered.
    ended: Option<Ending>,
}

/// Result of executing a program's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loaded {
    /// It ran to its end.
    Ready,
    /// It exited with success.
    Exited,
    /// It ended otherwise.
    Ended(Ending),
}

impl Loaded {
    /// The ending of a program that had to stay loaded: leaving, even with success, counts as a failure.
    pub(crate) fn expecting_ready(self) -> Ending {
        match self {
            Self::Ready => Ending::Finished,
            Self::Exited | Self::Ended(Ending::Finished) => Ending::Raised,
            Self::Ended(ending) => ending,
        }
    }
}

/// Result of calling a function.
pub(crate) enum Answer {
    /// Plain data, as text that was checked.
    Value(Vec<u8>),
    /// Name and text of the exception.
    Raised(String),
    /// The guest has ended.
    Ended,
}

impl Guest {
    pub(crate) fn new(template: &Arc<Template>, world: World) -> Result<Self, SandboxError> {
        let limits = *world.limits();
        let mut store = Store::new(&template.engine, world);
        store.limiter(|world: &mut World| world);
        store.set_fuel(limits.fuel).map_err(|error| SandboxError::Runtime(format!("{error:#}")))?;
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|store| match store.data().interruption() {
            None => Ok(UpdateDeadline::Continue(1)),
            Some(stop) => Err(stop.into()),
        });
        let output = usize::try_from(limits.output_bytes).unwrap_or(usize::MAX);
        let mut guest =
            Self { template: Arc::clone(template), store, instance: None, fuel: limits.fuel, output, ended: None };
        match template.pre.instantiate(&mut guest.store) {
            Ok(instance) => guest.instance = Some(instance),
            Err(error) if is_caused_by_guest(&error) => guest.end(error)?,
            Err(error) => return Err(SandboxError::Instance(format!("{error:#}"))),
        }
        Ok(guest)
    }

    /// Executes the program's text.
    pub(crate) fn load(&mut self, source: &str) -> Result<Loaded, SandboxError> {
        let index = self.template.load;
        let status = self.enter(&index, (source,))?;
        Ok(match status {
            Some((GuestStatus::Finished,)) => Loaded::Ready,
            Some((GuestStatus::Exited,)) => Loaded::Exited,
            Some((GuestStatus::Raised,)) => Loaded::Ended(Ending::Raised),
            Some((GuestStatus::OutOfMemory,)) => Loaded::Ended(Ending::OutOfMemory),
            None => Loaded::Ended(self.ended.expect("a guest that cannot be entered has ended")),
        })
    }

    /// Calls a function of the loaded program with a list of plain data.
    pub(crate) fn call(&mut self, function: &str, arguments: &str) -> Result<(Ending, Answer), SandboxError> {
        let index = self.template.call;
        let answer: Option<((GuestStatus, WasmList<u8>),)> = self.enter(&index, (function, arguments))?;
        let Some(((status, list),)) = answer else {
            return Ok((self.ended.expect("a guest that cannot be entered has ended"), Answer::Ended));
        };
        if list.len() > self.output {
            self.ended = Some(Ending::OutputTooLong);
            return Ok((Ending::OutputTooLong, Answer::Ended));
        }
        let bytes = list.as_le_slice(&self.store).to_vec();
        let raised = |ending, bytes: &[u8]| (ending, Answer::Raised(String::from_utf8_lossy(bytes).into_owned()));
        Ok(match status {
            GuestStatus::Finished => match plain::read(&bytes) {
                Ok(_) => (Ending::Finished, Answer::Value(bytes)),
                Err(error) => (Ending::Raised, Answer::Raised(format!("forged data: {error}"))),
            },
            GuestStatus::OutOfMemory => raised(Ending::OutOfMemory, &bytes),
            GuestStatus::Raised | GuestStatus::Exited => raised(Ending::Raised, &bytes),
        })
    }

    /// Runs exit handlers, flushes the streams and returns the outcome; `ending` is the program's ending so far.
    pub(crate) fn finish(mut self, mut ending: Ending) -> Result<Outcome, SandboxError> {
        let index = self.template.finish;
        if self.ended.is_none() && self.enter::<_, (GuestStatus,)>(&index, ())?.is_none() {
            // Exit handlers cannot turn a failure into a success, but they may still reach a limit.
            let last = self.ended.expect("a guest that cannot be entered has ended");
            if last != Ending::Finished {
                ending = last;
            }
        }
        let left = self.store.get_fuel().map_err(|error| SandboxError::Runtime(format!("{error:#}")))?;
        let fuel = if ending == Ending::OutOfFuel { self.fuel } else { self.fuel - left };
        let world = self.store.into_data();
        Ok(Outcome {
            ending,
            stdout: String::from_utf8_lossy(&world.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&world.stderr).into_owned(),
            value: None,
            fuel,
            memory_bytes: world.peak_memory,
        })
    }

    /// Calls an export; `None` if the guest has ended, before or by this call.
    fn enter<P, R>(&mut self, index: &ComponentExportIndex, arguments: P) -> Result<Option<R>, SandboxError>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let (None, Some(instance)) = (self.ended, self.instance) else { return Ok(None) };
        let function: TypedFunc<P, R> = instance
            .get_typed_func(&mut self.store, index)
            .map_err(|error| SandboxError::Runtime(format!("{error:#}")))?;
        match function.call(&mut self.store, arguments) {
            Ok(result) => Ok(Some(result)),
            Err(error) => {
                self.end(error)?;
                Ok(None)
            }
        }
    }

    /// Gives a test program the candidate that its `ask` calls.
    pub(crate) fn set_candidate(&mut self, candidate: Box<dyn Candidate>) {
        self.store.data_mut().candidate = Some(candidate);
    }

    /// Takes the candidate back.
    pub(crate) fn take_candidate(&mut self) -> Option<Box<dyn Candidate>> {
        self.store.data_mut().candidate.take()
    }

    /// Notes how the error of a call ended the guest; an error of the host is returned instead.
    fn end(&mut self, error: wasmtime::Error) -> Result<(), SandboxError> {
        self.ended = Some(match error.downcast_ref::<Stop>() {
            Some(Stop::Deadline) => return Err(SandboxError::Deadline(self.store.data().deadline())),
            Some(Stop::Cancelled) => return Err(SandboxError::Closed),
            Some(Stop::Exited(0)) => Ending::Finished,
            Some(Stop::Exited(_)) => Ending::Raised,
            Some(Stop::OutputTooLong) => Ending::OutputTooLong,
            Some(Stop::OutOfMemory) => Ending::OutOfMemory,
            Some(Stop::RequestTooLarge) => Ending::Trapped,
            None => match error.downcast_ref::<Trap>() {
                Some(Trap::OutOfFuel) => Ending::OutOfFuel,
                Some(Trap::StackOverflow) => Ending::StackOverflow,
                Some(_) => Ending::Trapped,
                // An error of the host while it ran the candidate that this guest asked; else a result that cannot be
                // lifted.
                None => error.downcast::<SandboxError>().map_or(Ok(Ending::Trapped), Err)?,
            },
        });
        Ok(())
    }
}

fn is_caused_by_guest(error: &wasmtime::Error) -> bool {
    error.downcast_ref::<Stop>().is_some() || error.downcast_ref::<Trap>().is_some()
}
