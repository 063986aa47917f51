//! One guest: made for one program, driven through its exports, gone afterwards.

use std::sync::Arc;

use wasmtime::component::{
    Component, ComponentExportIndex, ComponentType, Instance, InstancePre, Lift, TypedFunc, WasmList,
};
use wasmtime::{Engine, Store, Trap, UpdateDeadline};

use crate::error::SandboxError;
use crate::outcome::{Ending, Outcome};
use crate::plain;
use crate::world::{self, Candidate, Stop, World};

/// What the interpreter says of an ending; hostile, like everything it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "values are made by lifting what the guest returned")]
pub(crate) enum Said {
    #[component(name = "finished")]
    Finished,
    #[component(name = "exited")]
    Exited,
    #[component(name = "raised")]
    Raised,
    #[component(name = "out-of-memory")]
    OutOfMemory,
}

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
        Ok(Self {
            pre: world::link(engine, component, None)?.instantiate_pre(component)?,
            engine: engine.clone(),
            load: export("load")?,
            call: export("call")?,
            finish: export("finish")?,
        })
    }
}

impl Template {
    /// How many guests of this engine exist.
    pub(crate) fn instances(&self) -> u64 {
        self.engine.pooling_allocator_metrics().map_or(0, |metrics| metrics.component_instances())
    }
}

/// A guest, or what was left of it.
pub(crate) struct Guest {
    template: Arc<Template>,
    store: Store<World>,
    instance: Option<Instance>,
    fuel: u64,
    output: usize,
    /// Set once the guest can no longer be entered.
    over: Option<Ending>,
}

/// What a call of a function came to.
pub(crate) enum Answer {
    /// Plain data, as text that was checked.
    Value(Vec<u8>),
    /// What was raised, in the program's words.
    Raised(String),
    /// The guest is over.
    Over,
}

impl Guest {
    pub(crate) fn new(template: &Arc<Template>, world: World) -> Result<Self, SandboxError> {
        let limits = *world.limits();
        let mut store = Store::new(&template.engine, world);
        store.limiter(|world| world);
        store.set_fuel(limits.fuel).map_err(|error| SandboxError::Runtime(format!("{error:#}")))?;
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|store| match store.data().interruption() {
            None => Ok(UpdateDeadline::Continue(1)),
            Some(stop) => Err(stop.into()),
        });
        let output = usize::try_from(limits.output_bytes).unwrap_or(usize::MAX);
        let mut guest =
            Self { template: Arc::clone(template), store, instance: None, fuel: limits.fuel, output, over: None };
        match template.pre.instantiate(&mut guest.store) {
            Ok(instance) => guest.instance = Some(instance),
            Err(error) if is_guest_trouble(&error) => guest.end(error)?,
            Err(error) => return Err(SandboxError::Instance(format!("{error:#}"))),
        }
        Ok(guest)
    }

    /// Executes the program's text.
    pub(crate) fn load(&mut self, source: &str) -> Result<Loaded, SandboxError> {
        let index = self.template.load;
        let said = self.enter(&index, (source,))?;
        Ok(match said {
            Some((Said::Finished,)) => Loaded::Ready,
            Some((Said::Exited,)) => Loaded::Exited,
            Some((Said::Raised,)) => Loaded::Over(Ending::Raised),
            Some((Said::OutOfMemory,)) => Loaded::Over(Ending::OutOfMemory),
            None => Loaded::Over(self.over.expect("a guest that cannot be entered is over")),
        })
    }

    /// Calls a function of the loaded program with a list of plain data.
    pub(crate) fn call(&mut self, function: &str, arguments: &str) -> Result<(Ending, Answer), SandboxError> {
        let index = self.template.call;
        let answer: Option<((Said, WasmList<u8>),)> = self.enter(&index, (function, arguments))?;
        let Some(((said, list),)) = answer else {
            return Ok((self.over.expect("a guest that cannot be entered is over"), Answer::Over));
        };
        if list.len() > self.output {
            self.over = Some(Ending::OutputTooLong);
            return Ok((Ending::OutputTooLong, Answer::Over));
        }
        let bytes = list.as_le_slice(&self.store).to_vec();
        let raised = |ending, bytes: &[u8]| (ending, Answer::Raised(String::from_utf8_lossy(bytes).into_owned()));
        Ok(match said {
            Said::Finished => match plain::read(&bytes) {
                Ok(_) => (Ending::Finished, Answer::Value(bytes)),
                Err(error) => (Ending::Raised, Answer::Raised(format!("forged data: {error}"))),
            },
            Said::OutOfMemory => raised(Ending::OutOfMemory, &bytes),
            Said::Raised | Said::Exited => raised(Ending::Raised, &bytes),
        })
    }

    /// Lets the interpreter do what it does at its end, and says what was used; `ending` is what is known so far.
    pub(crate) fn finish(mut self, ending: Ending) -> Result<Outcome, SandboxError> {
        let index = self.template.finish;
        let mut ending = ending;
        if self.over.is_none() && self.enter::<_, (Said,)>(&index, ())?.is_none() {
            // Exit handlers cannot turn a failure into a success, but they may still reach a limit.
            let last = self.over.expect("a guest that cannot be entered is over");
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
            memory_bytes: world.memory,
        })
    }

    /// Calls an export; `None` if the guest is over or was ended by the call.
    fn enter<P, R>(&mut self, index: &ComponentExportIndex, arguments: P) -> Result<Option<R>, SandboxError>
    where
        P: wasmtime::component::ComponentNamedList + wasmtime::component::Lower,
        R: wasmtime::component::ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let (None, Some(instance)) = (self.over, self.instance) else { return Ok(None) };
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

    /// Gives a test program somebody to ask.
    pub(crate) fn give_candidate(&mut self, candidate: Box<dyn Candidate>) {
        self.store.data_mut().candidate = Some(candidate);
    }

    /// Hands back whom a test program asked.
    pub(crate) fn take_candidate(&mut self) -> Option<Box<dyn Candidate>> {
        self.store.data_mut().candidate.take()
    }

    fn end(&mut self, error: wasmtime::Error) -> Result<(), SandboxError> {
        self.over = Some(match error.downcast_ref::<Stop>() {
            Some(Stop::Deadline) => return Err(SandboxError::Deadline(self.store.data().allowed())),
            Some(Stop::Cancelled) => return Err(SandboxError::Closed),
            Some(Stop::Exited(0)) => Ending::Finished,
            Some(Stop::Exited(_)) => Ending::Raised,
            Some(Stop::OutputTooLong) => Ending::OutputTooLong,
            Some(Stop::OutOfMemory) => Ending::OutOfMemory,
            Some(Stop::Greedy) => Ending::Trapped,
            None => match error.downcast_ref::<Trap>() {
                Some(Trap::OutOfFuel) => Ending::OutOfFuel,
                Some(Trap::StackOverflow) => Ending::StackOverflow,
                Some(_) => Ending::Trapped,
                // Trouble of the host on behalf of a guest that this one asked; else a result that cannot be lifted.
                None => error.downcast::<SandboxError>().map_or(Ok(Ending::Trapped), Err)?,
            },
        });
        Ok(())
    }
}

/// What the program's text came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loaded {
    /// It ran to its end.
    Ready,
    /// It exited with success.
    Exited,
    /// It ended otherwise.
    Over(Ending),
}

fn is_guest_trouble(error: &wasmtime::Error) -> bool {
    error.downcast_ref::<Stop>().is_some() || error.downcast_ref::<Trap>().is_some()
}
