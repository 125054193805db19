//! What a computation runs with: the instruction set of the kernels and the threads. It is passed as one thing, so that
//! what is added later (a communicator between processes) reaches every place without another argument.

use std::sync::Arc;

use daleian_kernels::Isa;

pub use crate::caches::{Cache, caches};
use crate::error::{Error, Result};

/// Threads that may be asked for where the machine has fewer cores: mistakes beyond that are refused before any is started.
const LEAST_BOUND: usize = 64;
/// Threads per core that may be asked for.
const PER_CORE: usize = 4;

/// An execution context. Cheap to clone; no result depends on the threads.
///
/// By default work is shared among the threads of the rayon pool that the caller is in (the global one outside of any);
/// [`with_threads`](Self::with_threads) gives it a pool of its own.
#[derive(Debug, Clone)]
pub struct Exec {
    isa: Isa,
    pool: Option<Arc<rayon::ThreadPool>>,
}

impl Exec {
    /// The fastest instruction set of this machine, or the one that the environment names (see [`Isa::choose`]), on the
    /// threads of the current pool.
    ///
    /// # Errors
    /// If the environment names an instruction set that is unknown or absent.
    pub fn choose() -> Result<Self> {
        let isa = Isa::choose().map_err(|error| Error::setting("instruction set", error))?;
        Ok(isa.into())
    }

    /// The same with a pool of `threads` of its own.
    ///
    /// # Errors
    /// [`Error::Setting`] with the key `threads`: 0, more than four times the cores (64 are always allowed), or threads
    /// that the system refuses to start.
    pub fn with_threads(self, threads: usize) -> Result<Self> {
        let most = most_threads();
        if threads == 0 || threads > most {
            return Err(Error::setting("threads", format!("{threads}; expected 1 to {most}")));
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|error| Error::setting("threads", format!("{threads} cannot be started: {error}")))?;
        Ok(Self { pool: Some(Arc::new(pool)), ..self })
    }

    /// The instruction set.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// How many threads share the work.
    pub fn threads(&self) -> usize {
        self.pool.as_ref().map_or_else(rayon::current_num_threads, |pool| pool.current_num_threads())
    }

    /// Does `work` on a thread of the pool, so that what it shares among threads enters the pool only once.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.pool {
            Some(pool) => pool.install(work),
            None => rayon::scope(|_| work()),
        }
    }
}

/// The most threads that may be asked for on this machine.
pub fn most_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    cores.saturating_mul(PER_CORE).max(LEAST_BOUND)
}

impl From<Isa> for Exec {
    /// On the threads of the current pool.
    fn from(isa: Isa) -> Self {
        Self { isa, pool: None }
    }
}

impl From<&Exec> for Exec {
    fn from(exec: &Exec) -> Self {
        exec.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_runs_on_the_threads_asked_for() {
        let exec = Exec::from(Isa::available()[0]);
        for threads in [1, 3] {
            let own = exec.clone().with_threads(threads).unwrap();
            assert_eq!(own.threads(), threads);
            assert_eq!(own.install(rayon::current_num_threads), threads);
        }
        assert_eq!(exec.install(rayon::current_num_threads), exec.threads());
    }

    #[test]
    fn threads_have_a_bound_that_is_checked_before_any_starts() {
        let exec = Exec::from(Isa::available()[0]);
        for threads in [0, most_threads() + 1, usize::MAX] {
            let error = exec.clone().with_threads(threads).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`threads`: {threads}; expected 1 to ")), "{error}");
        }
    }
}
