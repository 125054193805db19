//! What a run was made from, by content, and where its data are now.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::RunConfig;
use crate::data::Sources;
use crate::error::{Error, Result};

/// Checksums (CRC-32) of what a run was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Inputs {
    /// [`Sources::fingerprint`].
    data: u32,
    /// Of the files of the connectome, by their keys.
    files: BTreeMap<String, u32>,
}

impl Inputs {
    /// Of a configuration and its data.
    ///
    /// # Errors
    /// If a file of the connectome cannot be read.
    pub fn of(config: &RunConfig, data: &Sources) -> Result<Self> {
        // what is no plain file can be read only once
        let files = config.connectome_files().filter(|(_, path)| path.is_file());
        let files = files.map(|(key, path)| Ok((key.to_string(), checksum(path)?))).collect::<Result<_>>()?;
        Ok(Self { data: data.fingerprint(), files })
    }

    /// Checks that the files of the connectome that are still there have the content that they had. The run in `folder`
    /// needs none of them.
    ///
    /// # Errors
    /// With the first whose content changed.
    pub fn check_files(&self, config: &RunConfig, folder: &Path) -> Result<()> {
        for (key, path) in config.connectome_files().filter(|(_, path)| path.is_file()) {
            if self.files.get(key).is_some_and(|&before| checksum(path).is_ok_and(|now| now != before)) {
                let problem = format!(
                    "is not what it was when the run in {} began (`connectome.{key}`): expected the same content, or \
                     another folder for another run",
                    folder.display()
                );
                return Err(Error::content(path, problem));
            }
        }
        Ok(())
    }

    /// Finds the data of the run in `folder`: where `config` names them, where the run named them (`kept`), beside the run's
    /// files or in the current folder. `config` then names the place where they were found.
    ///
    /// # Errors
    /// If they are nowhere, or none has the content of then.
    pub fn find_data(&self, config: &mut RunConfig, kept: &RunConfig, folder: &Path) -> Result<Sources> {
        let Some(named) = config.task.path().map(Path::to_path_buf) else {
            let data = config.load_data()?;
            return match data.fingerprint() == self.data {
                true => Ok(data),
                false => {
                    let problem = "this version of daleian draws other samples for `task` than the run began with; \
                                   expected the version that began it";
                    Err(Error::content(folder, problem))
                }
            };
        };
        let mut places = vec![named];
        places.extend(kept.task.path().map(Path::to_path_buf));
        for name in places.clone().iter().filter_map(|place| place.file_name()) {
            places.extend([folder.join(name), name.into()]);
        }
        let mut seen: Vec<PathBuf> = Vec::new();
        let mut problem = None;
        for place in places {
            if seen.contains(&place) {
                continue;
            }
            seen.push(place.clone());
            if !place.exists() {
                continue;
            }
            config.name_data(&place);
            match config.load_data() {
                Ok(data) if data.fingerprint() == self.data => return Ok(data),
                Ok(_) => {
                    let other = Error::content(
                        &place,
                        format!(
                            "its content is not what the run in {} was trained on: expected the same data, wherever \
                             they are now (`--data`)",
                            folder.display()
                        ),
                    );
                    problem.get_or_insert(other);
                }
                Err(error) => drop(problem.get_or_insert(error)),
            }
        }
        let places: Vec<String> = seen.iter().map(|place| place.display().to_string()).collect();
        Err(problem.unwrap_or_else(|| {
            let problem = format!(
                "the data of its run are not there, looked for as {}; expected `--data` to say where they are now",
                places.join(", ")
            );
            Error::content(folder, problem)
        }))
    }
}

impl RunConfig {
    /// Says where the data are: a file, or a folder, instead of what the configuration names. Without effect where the
    /// samples are drawn.
    pub fn name_data(&mut self, place: &Path) {
        if let Some(path) = self.task.path_mut() {
            *path = place.into();
        }
    }

    /// The data that the configuration names, or draws.
    ///
    /// # Errors
    /// If they cannot be read, or a setting is wrong.
    pub(crate) fn load_data(&self) -> Result<Sources> {
        self.task.sources(self.seed, Path::new(""))
    }
}

fn checksum(path: &Path) -> Result<u32> {
    struct Sum(flate2::Crc);
    impl Write for Sum {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut sum = Sum(flate2::Crc::new());
    let mut file = File::open(path).map_err(|source| Error::io(path, "open", source))?;
    io::copy(&mut file, &mut sum).map_err(|source| Error::io(path, "read", source))?;
    Ok(sum.0.sum())
}
