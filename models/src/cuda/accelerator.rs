//! The first NVIDIA card of this machine, ready for models.

use std::{fmt, path::Path, sync::Arc};

use super::{
    card::{Card, CardIdentity},
    decoder,
    driver::{self, NvidiaCard},
};
use crate::{
    config::ModelConfig,
    decoder::Decoder,
    error::{DeviceError, LoadError},
    layout::Layout,
    tensors::TensorSource,
};

/// A card with its kernels compiled. Clones are handles of the same one.
#[derive(Clone)]
pub struct Accelerator {
    card: Arc<NvidiaCard>,
}

impl Accelerator {
    /// True if a driver, its libraries and a card are there.
    #[must_use]
    pub fn is_present() -> bool {
        driver::is_present()
    }

    /// Opens the first card. Compiled kernels are kept below `cache`.
    ///
    /// `algorithms` is the file of the products' algorithms that validators share: one that is there is binding, and one
    /// that is not is written. Without a name it lies below `cache`.
    ///
    /// # Errors
    /// If there is no card that the kernels are written for, its libraries are missing, or the file is for others.
    pub fn open(cache: &Path, algorithms: Option<&Path>) -> Result<Self, DeviceError> {
        Ok(Self { card: Arc::new(NvidiaCard::open(cache, algorithms)?) })
    }

    /// Card, versions and digests.
    #[must_use]
    pub fn identity(&self) -> &CardIdentity {
        self.card.identity()
    }

    /// BLAKE3 of the products' algorithms, where the file that holds them was named and there: others with the same file
    /// get the same bits.
    #[must_use]
    pub fn algorithms(&self) -> Option<String> {
        self.card.algorithms()
    }

    /// Free and total bytes of memory.
    ///
    /// # Errors
    /// If the driver does not tell.
    pub fn memory(&self) -> Result<(u64, u64), DeviceError> {
        self.card.memory()
    }

    /// Loads a model into the card's memory, as bfloat16.
    ///
    /// # Errors
    /// If a file cannot be read, or the card cannot hold or run the model.
    pub fn load(&self, config: &ModelConfig, source: &dyn TensorSource, layout: &Layout) -> Result<Decoder, LoadError> {
        decoder::load(&self.shared(), config, source, layout)
    }

    /// Makes a model of random parameters on the card, for measuring.
    ///
    /// # Errors
    /// If the card cannot hold or run the model.
    pub fn load_random(&self, config: &ModelConfig) -> Result<Decoder, LoadError> {
        decoder::load_random(&self.shared(), config)
    }

    /// Measures every kernel from now on.
    ///
    /// # Errors
    /// If the driver fails.
    pub fn begin_profile(&self) -> Result<(), DeviceError> {
        self.card.profile(true).map(drop)
    }

    /// Milliseconds and number of launches of each kernel since the profile began.
    ///
    /// # Errors
    /// If the driver fails.
    pub fn end_profile(&self) -> Result<Vec<(String, f64, usize)>, DeviceError> {
        let sums = self.card.profile(false)?;
        Ok(sums.into_iter().map(|(name, (time, count))| (name, time, count)).collect())
    }

    fn shared(&self) -> Arc<dyn Card> {
        self.card.clone()
    }
}

impl fmt::Debug for Accelerator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Accelerator[{}]", self.identity().card)
    }
}
