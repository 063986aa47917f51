//! Clocks and timers: a nanosecond of guest time passes for each unit of fuel, and sleeping moves the clock.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, LinkerInstance, Lower, Resource};

use super::world::{HasWorld, World};

/// 2026-01-01T00:00:00Z; the wall clock of a job starts in the year that follows.
const FIRST_SECOND: u64 = 1_767_225_600;
const YEAR_SECONDS: u64 = 31_536_000;
const NANOSECONDS: u64 = 1_000_000_000;

/// `wasi:clocks/wall-clock.datetime`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(record)]
pub struct Datetime {
    /// Seconds since 1970.
    pub seconds: u64,
    /// Nanoseconds of the second.
    pub nanoseconds: u32,
}

/// Clock of a guest: a function of the seed, the fuel it has used and the time it has slept.
pub(super) struct Clock {
    /// Fuel that the guest started with.
    fuel: u64,
    /// Wall-clock time at the start, in nanoseconds since 1970.
    start: u64,
    /// Nanoseconds slept.
    slept: u64,
}

impl Clock {
    /// A clock that starts at a second chosen by `draw`, which is uniform.
    pub(super) fn new(fuel: u64, draw: u64) -> Self {
        Self { fuel, start: (FIRST_SECOND + draw % YEAR_SECONDS) * NANOSECONDS, slept: 0 }
    }

    /// Nanoseconds since the start.
    fn elapsed(&self, fuel_left: u64) -> u64 {
        self.fuel.saturating_sub(fuel_left).saturating_add(self.slept)
    }

    fn wall_time(&self, fuel_left: u64) -> Datetime {
        let at = self.start.saturating_add(self.elapsed(fuel_left));
        let nanoseconds = u32::try_from(at % NANOSECONDS).expect("below a thousand million");
        Datetime { seconds: at / NANOSECONDS, nanoseconds }
    }

    /// Moves the clock to `due` if that lies ahead; no thread sleeps.
    fn sleep_until(&mut self, due: u64, fuel_left: u64) {
        let missing = due.saturating_sub(self.elapsed(fuel_left));
        self.slept = self.slept.saturating_add(missing);
    }
}

/// Host type behind the handle `pollable`.
pub(super) struct Pollable;

/// Open timers of a guest, by the number its handle stands for.
#[derive(Default)]
pub(super) struct Timers {
    /// Due times in nanoseconds since the guest's start; `None` where the number is free.
    due: Vec<Option<u64>>,
    free: Vec<u32>,
}

impl Timers {
    fn add(&mut self, due: u64) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            self.due.push(None);
            u32::try_from(self.due.len() - 1).expect("fewer timers than handles")
        });
        self.due[number as usize] = Some(due);
        number
    }

    /// Frees the number of a timer, once.
    pub(super) fn remove(&mut self, number: u32) {
        if let Some(timer) = self.due.get_mut(number as usize)
            && timer.take().is_some()
        {
            self.free.push(number);
        }
    }

    fn due(&self, timer: &Resource<Pollable>) -> wasmtime::Result<u64> {
        let found = self.due.get(timer.rep() as usize).copied().flatten();
        found.ok_or_else(|| wasmtime::Error::msg("a timer that does not exist"))
    }
}

impl World {
    /// A handle to a timer that is due at `due`.
    pub(super) fn new_timer(&mut self, due: u64) -> wasmtime::Result<Resource<Pollable>> {
        let number = self.timers.add(due);
        self.new_handle(number)
    }
}

fn elapsed<T: HasWorld>(store: &StoreContextMut<'_, T>) -> wasmtime::Result<u64> {
    Ok(store.data().world().clock.elapsed(store.get_fuel()?))
}

fn sleep_until<T: HasWorld>(store: &mut StoreContextMut<'_, T>, due: u64) -> wasmtime::Result<()> {
    let fuel_left = store.get_fuel()?;
    store.data_mut().world_mut().clock.sleep_until(due, fuel_left);
    Ok(())
}

/// Defines `wasi:clocks/wall-clock`.
pub(super) fn define_wall_clock<T: HasWorld>(to: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    to.func_wrap("now", |store: StoreContextMut<'_, T>, (): ()| {
        Ok((store.data().world().clock.wall_time(store.get_fuel()?),))
    })?;
    to.func_wrap("resolution", |_, (): ()| Ok((Datetime { seconds: 0, nanoseconds: 1 },)))
}

/// Defines `wasi:clocks/monotonic-clock`.
pub(super) fn define_monotonic_clock<T: HasWorld>(to: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    to.func_wrap("now", |store: StoreContextMut<'_, T>, (): ()| Ok((elapsed(&store)?,)))?;
    to.func_wrap("resolution", |_, (): ()| Ok((1_u64,)))?;
    to.func_wrap("subscribe-instant", |mut store: StoreContextMut<'_, T>, (at,): (u64,)| {
        Ok((store.data_mut().world_mut().new_timer(at)?,))
    })?;
    to.func_wrap("subscribe-duration", |mut store: StoreContextMut<'_, T>, (span,): (u64,)| {
        let at = elapsed(&store)?.saturating_add(span);
        Ok((store.data_mut().world_mut().new_timer(at)?,))
    })
}

/// Defines `wasi:io/poll`: waiting moves the guest's clock to the first timer that is due.
pub(super) fn define_poll<T: HasWorld>(to: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    to.func_wrap("[method]pollable.ready", |store: StoreContextMut<'_, T>, (timer,): (Resource<Pollable>,)| {
        Ok((store.data().world().timers.due(&timer)? <= elapsed(&store)?,))
    })?;
    to.func_wrap("[method]pollable.block", |mut store: StoreContextMut<'_, T>, (timer,): (Resource<Pollable>,)| {
        let due = store.data().world().timers.due(&timer)?;
        sleep_until(&mut store, due)
    })?;
    to.func_wrap("poll", |mut store: StoreContextMut<'_, T>, (polled,): (Vec<Resource<Pollable>>,)| {
        let timers = &store.data().world().timers;
        let due = polled.iter().map(|timer| timers.due(timer)).collect::<wasmtime::Result<Vec<_>>>()?;
        let Some(first) = due.iter().min() else { return Err(wasmtime::Error::msg("a poll of nothing")) };
        sleep_until(&mut store, *first)?;
        let at = elapsed(&store)?;
        let ready = (0_u32..).zip(&due).filter(|(_, due)| **due <= at).map(|(index, _)| index).collect::<Vec<_>>();
        Ok((ready,))
    })
}

#[cfg(test)]
mod tests;
