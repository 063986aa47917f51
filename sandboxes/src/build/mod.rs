//! Building the guest: CPython and our own sources linked into one component whose heap is captured after its imports.
//!
//! The build is a function of its inputs. The interpreter that runs here sees the same files in the same order, the same
//! clock, the same entropy and the same hash seed on every machine, so that every machine makes the same component, byte
//! for byte, and two validators run the same guest.

mod files;
mod immortal;
mod parts;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use component_init_transform::Invoker;
use wasm_encoder::{CustomSection, Section};
use wasmtime::component::{Component, ComponentNamedList, Func, Instance, Lift, Val};
use wasmtime::{Engine, Store};
use wit_component::{Linker, StringEncoding};
use wit_dylib::{AsyncFilterSet, DylibOpts, Metadata};
use wit_parser::Resolve;

use crate::engine;
use crate::error::SandboxError;
use crate::instance::Said;
use crate::limits::Limits;
use crate::world::{self, World};

use files::define as define_files;
pub(crate) use files::{Files, Listing};
use parts::Parts;
pub(crate) use parts::{COMPONENTIZE_PY, PLATFORM};

/// A source of the guest: its name and its text.
type Source = (&'static str, &'static str);

const WORLD: Source = ("world.wit", include_str!("../../guest/world.wit"));
const BINDING: Source = ("wit_world.py", include_str!("../../guest/wit_world.py"));
const GUEST: Source = ("dethrone_guest.py", include_str!("../../guest/dethrone_guest.py"));
const WARM_UP: Source = ("warmup.py", include_str!("../../guest/warmup.py"));

/// The guest's sources.
pub(crate) const SOURCES: [Source; 4] = [WORLD, BINDING, GUEST, WARM_UP];
const MODULE: &str = "dethrone_guest";
const INTERPRETER: &str = "libcomponentize_py_runtime.so";
const BINDINGS: &str = "libcomponentize_py_bindings.so";

/// What the interpreter may use while it imports the standard library; far more than it needs.
const LIMITS: Limits = Limits { fuel: 1 << 50, memory_bytes: 1 << 30, output_bytes: 1 << 20, source_bytes: 0 };

/// Makes the component from an unpacked wheel of [`COMPONENTIZE_PY`].
pub(crate) fn component(wheel: &Path) -> Result<Vec<u8>, SandboxError> {
    let failed = |error: anyhow::Error| SandboxError::Build(format!("{error:#}"));
    let parts = Parts::read(wheel)?;
    let (linked, metadata) = link(&parts).map_err(failed)?;
    let files = tree(&parts).map_err(|error| failed(error.into()))?;
    let capture = component_init_transform::initialize(&linked, move |instrumented| {
        Box::pin(async move {
            let mut interpreter = Interpreter::start(&instrumented, files, &metadata).map_err(anyhow::Error::msg)?;
            interpreter.settle().map_err(|error| anyhow::Error::msg(format!("{error:#}")))?;
            Ok(Box::new(interpreter) as Box<dyn Invoker>)
        })
    });
    // Nothing in it waits: the interpreter runs on this thread.
    match pin!(capture).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(component) => component.map_err(failed),
        Poll::Pending => Err(SandboxError::Build("the capture waits for something".to_owned())),
    }
}

/// Links the interpreter, its libraries and the glue for our world.
fn link(parts: &Parts) -> anyhow::Result<(Vec<u8>, Metadata)> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str(WORLD.0, WORLD.1)?;
    let world = resolve.select_world(&[package], None)?;
    let mut options = DylibOpts { interpreter: Some(INTERPRETER.to_owned()), async_: AsyncFilterSet::default() };
    let (mut bindings, metadata) = wit_dylib::create_with_metadata(&resolve, world, Some(&mut options));
    let world = wit_component::metadata::encode(&resolve, world, StringEncoding::UTF8, None)?;
    CustomSection { name: Cow::Borrowed("component-type:guest"), data: Cow::Owned(world) }.append_to(&mut bindings);
    let mut linker = Linker::default().validate(true).use_built_in_libdl(true);
    for (name, bytes) in &parts.libraries {
        linker = Linker::library(linker, name, bytes, false)?;
    }
    let linker = Linker::library(linker, BINDINGS, &bindings, false)?;
    let linked = linker.adapter(parts.adapter.0, &parts.adapter.1)?.encode()?;
    Ok((linked, metadata))
}

/// The files that the interpreter imports from.
fn tree(parts: &Parts) -> std::io::Result<Files> {
    let mut files = Files::new();
    let library = files.root("python");
    files.put_archive(library, &parts.standard_library)?;
    let helpers = files.root("bundled");
    files.put_archive(helpers, &parts.helpers)?;
    let ours = files.root("guest");
    for (name, text) in [BINDING, GUEST] {
        files.put(ours, name, text.as_bytes().to_vec());
    }
    Ok(files)
}

/// What the interpreter finds in its environment while the guest is built; the guest itself has none.
const ENVIRONMENT: [(&str, &str); 5] = [
    ("PYTHONHOME", "/python"),
    ("PYTHONPATH", "/python:/guest:/bundled"),
    ("PYTHONHASHSEED", "0"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("PYTHONUNBUFFERED", "1"),
];

/// How often the warm-up runs: the interpreter specialises code on its second or third execution.
const WARM_UPS: usize = 20;

/// How often holes are filled: what the first time needed leaves holes itself once it is gone.
const FILLS: usize = 4;

/// An interpreter whose memory is about to be captured.
struct Interpreter {
    store: Store<World>,
    instance: Instance,
    /// Addresses of all types.
    kinds: BTreeSet<u32>,
}

impl Interpreter {
    /// Starts the interpreter and lets it import the guest's module.
    fn start(component: &[u8], files: Files, metadata: &Metadata) -> Result<Self, String> {
        let started = Self::instantiate(component, files).map_err(|error| format!("{error:#}"))?;
        started.import(metadata)
    }

    fn instantiate(component: &[u8], files: Files) -> wasmtime::Result<Self> {
        let engine = Engine::new(&engine::semantics(&LIMITS))?;
        let component = Component::new(&engine, component)?;
        let linker = world::link(&engine, &component, Some(define_files))?;
        let environment = ENVIRONMENT.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let world =
            World::new(LIMITS, 0, String::new(), Arc::default(), Duration::MAX).with(files, environment.to_vec());
        let mut store = Store::new(&engine, world);
        store.limiter(|world| world);
        store.set_fuel(LIMITS.fuel)?;
        store.set_epoch_deadline(1);
        let instance = linker.instantiate(&mut store, &component)?;
        Ok(Self { store, instance, kinds: BTreeSet::new() })
    }

    fn import(mut self, metadata: &Metadata) -> Result<Self, String> {
        let arguments = [Val::String(MODULE.to_owned()), symbols(metadata), Val::Bool(false)];
        let mut results = [Val::Bool(false)];
        let called = self.initializer().and_then(|init| init.call(&mut self.store, &arguments, &mut results));
        match (called, &results[0]) {
            (Ok(()), Val::Result(Ok(_))) => Ok(self),
            (called, result) => {
                let said = String::from_utf8_lossy(&self.store.data().stderr).into_owned();
                let how = called.err().map_or_else(|| format!("{result:?}"), |error| format!("{error:#}"));
                Err(format!("{how}\n{said}"))
            }
        }
    }

    /// Brings the heap into the state that makes an instance cheap: caches filled, no holes, nothing to count.
    fn settle(&mut self) -> wasmtime::Result<()> {
        for _ in 0..WARM_UPS {
            self.run("load", &[Val::String(WARM_UP.1.to_owned())])?;
            self.call("answer", "[1, {\"$tuple\": [2.5, \"x\"]}]")?;
            self.call("fail", "[1]")?;
            self.run("finish", &[])?;
        }
        let kinds = self.ask("kinds")?;
        self.kinds = serde_json::from_slice(&kinds).map_err(|error| wasmtime::Error::msg(error.to_string()))?;
        for _ in 0..FILLS {
            self.ask("fill")?;
        }
        self.run("load", &[Val::String(String::new())])?;
        self.run("finish", &[]).map(drop)
    }

    /// Calls a function of the guest's own module.
    fn ask(&mut self, function: &str) -> wasmtime::Result<Vec<u8>> {
        self.run("load", &[Val::String(format!("from {MODULE} import {function}"))])?;
        self.call(function, "[]")
    }

    fn call(&mut self, function: &str, arguments: &str) -> wasmtime::Result<Vec<u8>> {
        let call = self.instance.get_typed_func::<(&str, &str), ((Said, Vec<u8>),)>(&mut self.store, "call")?;
        let ((_, answer),) = call.call(&mut self.store, (function, arguments))?;
        Ok(answer)
    }

    fn run(&mut self, function: &str, arguments: &[Val]) -> wasmtime::Result<Val> {
        let missing = || wasmtime::format_err!("the guest lacks `{function}`");
        let function = self.instance.get_func(&mut self.store, function).ok_or_else(missing)?;
        let mut results = [Val::Bool(false)];
        function.call(&mut self.store, arguments, &mut results)?;
        Ok(results[0].clone())
    }

    fn initializer(&mut self) -> wasmtime::Result<Func> {
        let lacks = || wasmtime::Error::msg("the interpreter has no initializer");
        let (_, exports) = self.instance.get_export(&mut self.store, None, "exports").ok_or_else(lacks)?;
        let (_, init) = self.instance.get_export(&mut self.store, Some(&exports), "init").ok_or_else(lacks)?;
        self.instance.get_func(&mut self.store, init).ok_or_else(lacks)
    }

    fn read<T: Lift + Send + Sync + 'static>(&mut self, function: &str) -> anyhow::Result<T>
    where
        (T,): ComponentNamedList + Lift,
    {
        let read = self.instance.get_typed_func::<(), (T,)>(&mut self.store, function);
        let value = read.and_then(|read| read.call(&mut self.store, ()));
        value.map(|(value,)| value).map_err(|error| anyhow::Error::msg(format!("{error:#}")))
    }
}

#[async_trait]
impl Invoker for Interpreter {
    async fn call_s32(&mut self, function: &str) -> anyhow::Result<i32> {
        self.read(function)
    }

    async fn call_s64(&mut self, function: &str) -> anyhow::Result<i64> {
        self.read(function)
    }

    async fn call_f32(&mut self, function: &str) -> anyhow::Result<f32> {
        self.read(function)
    }

    async fn call_f64(&mut self, function: &str) -> anyhow::Result<f64> {
        self.read(function)
    }

    async fn call_list_u8(&mut self, function: &str) -> anyhow::Result<Vec<u8>> {
        // The one list that is asked for is the memory.
        let mut memory: Vec<u8> = self.read(function)?;
        immortal::make(&mut memory, &self.kinds);
        Ok(memory)
    }
}

/// What the runtime library has to know of our world: which Python names stand for which functions and types.
fn symbols(metadata: &Metadata) -> Val {
    let text = |text: &str| Val::String(text.to_owned());
    let record = |fields: &[(&str, Val)]| {
        Val::Record(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    };
    let export = |name: &str| {
        let function = record(&[("protocol", text("WitWorld")), ("name", text(name))]);
        let kind = Val::Variant("freestanding".to_owned(), Some(Box::new(function)));
        record(&[("kind", kind), ("return-style", Val::Variant("normal".to_owned(), None))])
    };
    let count = |length: usize| Val::U32(u32::try_from(length).expect("types have few parts"));
    let ending =
        |names: usize| record(&[("package", text("wit_world")), ("name", text("Ending")), ("count", count(names))]);
    let result = || record(&[("has-ok", Val::Bool(true)), ("has-err", Val::Bool(true))]);
    let none = || Val::List(Vec::new());
    record(&[
        ("exports", Val::List(metadata.export_funcs.iter().map(|function| export(&function.name)).collect())),
        ("resources", none()),
        ("records", none()),
        ("flags", none()),
        ("tuples", Val::List(metadata.tuples.iter().map(|ty| record(&[("count", count(ty.types.len()))])).collect())),
        ("variants", none()),
        ("enums", Val::List(metadata.enums.iter().map(|ty| ending(ty.names.len())).collect())),
        ("options", none()),
        ("results", Val::List(metadata.results.iter().map(|_| result()).collect())),
    ])
}
