//! Language models: hub, loading, generation, scoring and fingerprints.
