//! The interpreter while the guest is built: it imports, warms up and settles before its memory is captured.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use component_init_transform::Invoker;
use sandboxes::host::{GuestStatus, World};
use sandboxes::{Limits, guest_engine};
use wasmtime::Store;
use wasmtime::component::{Component, ComponentNamedList, Func, Instance, Lift, Val};
use wit_dylib::Metadata;

use super::build_world::{self, BuildWorld};
use super::immortal;
use super::sources::WARM_UP;
use super::symbols::symbols;
use super::tree::FileTree;

/// The guest's module, which defines the exports.
const MODULE: &str = "dethrone_guest";

/// Limits of the interpreter while it imports the standard library; far more than it needs.
const LIMITS: Limits = Limits { fuel: 1 << 50, memory_bytes: 1 << 30, output_bytes: 1 << 20, source_bytes: 0 };

/// Environment of the interpreter while the guest is built; the guest itself has none.
const ENVIRONMENT: [(&str, &str); 5] = [
    ("PYTHONHOME", "/python"),
    ("PYTHONPATH", "/python:/guest:/bundled"),
    ("PYTHONHASHSEED", "0"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("PYTHONUNBUFFERED", "1"),
];

/// Number of runs of the warm-up: the interpreter specializes code on its second or third execution.
const WARM_UPS: usize = 20;

/// Number of times that holes of the heap are filled: the temporary objects of one time leave holes for the next.
const FILLS: usize = 4;

/// An interpreter whose memory is about to be captured.
pub(super) struct Interpreter {
    store: Store<BuildWorld>,
    instance: Instance,
    /// Addresses of all type objects.
    kinds: BTreeSet<u32>,
}

impl Interpreter {
    /// Starts the interpreter and lets it import the guest's module.
    pub(super) fn start(component: &[u8], files: FileTree, metadata: &Metadata) -> Result<Self, String> {
        let started = Self::instantiate(component, files).map_err(|error| format!("{error:#}"))?;
        started.import(metadata)
    }

    fn instantiate(component: &[u8], files: FileTree) -> wasmtime::Result<Self> {
        let engine = guest_engine(&LIMITS)?;
        let component = Component::new(&engine, component)?;
        let linker = build_world::link_with_files(&engine, &component)?;
        let world = World::new(LIMITS, 0, String::new(), Arc::default(), Duration::MAX);
        let environment = ENVIRONMENT.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let mut store = Store::new(&engine, BuildWorld { world, files, environment, is_closed: false });
        store.limiter(|data: &mut BuildWorld| &mut data.world);
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
                let stderr = String::from_utf8_lossy(self.store.data().world.stderr()).into_owned();
                let how = called.err().map_or_else(|| format!("{result:?}"), |error| format!("{error:#}"));
                Err(format!("{how}\n{stderr}"))
            }
        }
    }

    /// Brings the heap into the state that makes an instance cheap: caches filled, no holes, nothing to count.
    pub(super) fn settle(&mut self) -> wasmtime::Result<()> {
        self.store.data_mut().is_closed = true;
        for _ in 0..WARM_UPS {
            self.run("load", &[Val::String(WARM_UP.text.to_owned())])?;
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
        let call = self.instance.get_typed_func::<(&str, &str), ((GuestStatus, Vec<u8>),)>(&mut self.store, "call")?;
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
        // The only list that the transformation asks for is the memory.
        let mut memory: Vec<u8> = self.read(function)?;
        immortal::make_immortal(&mut memory, &self.kinds);
        Ok(memory)
    }
}
