//! Configurations that come with daleian.

use crate::error::{Error, Result};

use super::{Change, RunConfig};

const PRESETS: [(&str, &str); 6] = [
    ("flip-flop", include_str!("../../presets/flip-flop.toml")),
    ("wave", include_str!("../../presets/wave.toml")),
    ("wave-meant", include_str!("../../presets/wave-meant.toml")),
    ("fly", include_str!("../../presets/fly.toml")),
    ("images", include_str!("../../presets/images.toml")),
    ("images-pixels", include_str!("../../presets/images-pixels.toml")),
];

/// Names of the presets and the first line of each, without its `#`.
pub fn list() -> impl Iterator<Item = (&'static str, &'static str)> {
    PRESETS.iter().map(|(name, text)| (*name, text.lines().next().unwrap_or_default().trim_start_matches(['#', ' '])))
}

/// The TOML of a preset, to read or to start from.
///
/// # Errors
/// If there is none of this name; the error lists those there are.
pub fn text(name: &str) -> Result<&'static str> {
    PRESETS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text).ok_or_else(|| {
        let known: Vec<&str> = PRESETS.iter().map(|(known, _)| *known).collect();
        Error::setting(name, format!("no such preset, and no file of that name; the presets are {}", known.join(", ")))
    })
}

/// A preset.
///
/// # Errors
/// If there is none of this name.
pub fn config(name: &str) -> Result<RunConfig> {
    config_with(name, &[])
}

/// A preset with some settings changed.
///
/// # Errors
/// As [`config`] and [`RunConfig::from_toml_with`].
pub fn config_with(name: &str, changes: &[Change]) -> Result<RunConfig> {
    RunConfig::from_toml_with(text(name)?, changes, format!("preset {name}"), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_a_configuration_of_its_name() {
        for (name, about) in list() {
            assert_eq!(config(name).unwrap().name, name);
            assert!(about.len() > 20, "{name} says what it is: {about:?}");
        }
    }

    #[test]
    fn an_unknown_preset_is_an_error_that_lists_the_known() {
        let error = config("flipflop").unwrap_err().to_string();
        assert!(error.contains("`flipflop`") && error.contains("flip-flop"), "{error}");
    }

    /// What the paper ran (settings of its published notebook).
    #[test]
    fn the_flip_flop_is_the_papers() {
        use crate::connectome::Sign;
        let config = config("flip-flop").unwrap();
        let connectome = config.connectome().unwrap();
        assert_eq!((connectome.neurons(), connectome.pattern().nnz()), (128, 128 * 128));
        assert_eq!(connectome.signs().iter().filter(|&&sign| sign == Sign::Excitatory).count(), 102);
        assert_eq!((config.epochs, config.batch, config.optimizer.learning_rate()), (100, 200, 1e-3));
        assert!(config.cell.rectified);
    }

    /// What the paper ran, and what it meant, differ in the waves and in who hears which.
    #[test]
    fn the_waves_are_the_papers() {
        use crate::connectome::Sign;
        use crate::network::{ActivationName, InputBlock, ReadoutBlock};
        use crate::task::{TaskSpec, WavesVersion};
        let (run, mut meant) = (config("wave").unwrap(), config("wave-meant").unwrap());
        let connectome = run.connectome().unwrap();
        assert_eq!((connectome.neurons(), connectome.pattern().nnz()), (128, 128 * 128));
        assert_eq!(connectome.signs().iter().filter(|&&sign| sign == Sign::Excitatory).count(), 102);
        assert_eq!((run.epochs, run.batch, run.optimizer.learning_rate()), (25, 100, 1e-3));
        assert!(run.cell.rectified);
        let populations = ["excitatory", "inhibitory"];
        assert!(run.input.is_empty(), "each wave reaches all neurons");
        assert_eq!(run.readout, [0, 1].map(|k| ReadoutBlock::new([k], populations[k])));
        assert_eq!(run.output.activation, ActivationName::Identity);
        let samples = (1000, 1000);
        let waves = |version| {
            TaskSpec::Waves(crate::task::Waves {
                version,
                steps: 500,
                train_samples: samples.0,
                test_samples: samples.1,
                samples: crate::task::Drawn::Fixed,
            })
        };
        assert_eq!((&run.task, &meant.task), (&waves(WavesVersion::AsRun), &waves(WavesVersion::Meant)));
        assert_eq!(meant.input, [0, 1].map(|k| InputBlock::new([k], populations[k])));
        (meant.name, meant.task, meant.input) = (run.name.clone(), run.task.clone(), run.input.clone());
        assert_eq!(meant, run);
    }

    /// The settings that a task is shown with are those of the first preset that learns it.
    #[test]
    fn tasks_are_listed_as_their_presets_have_them() {
        for task in crate::task::TaskSpec::generated() {
            let preset = list().map(|(name, _)| config(name).unwrap().task).find(|found| found.name() == task.name());
            assert_eq!(preset, Some(task));
        }
    }

    /// What the paper ran on MNIST: batch and steps, and the network of the flip-flop.
    #[test]
    fn the_images_are_the_papers() {
        let [rows, pixels, flip_flop] = ["images", "images-pixels", "flip-flop"].map(|name| config(name).unwrap());
        assert_eq!((rows.epochs, rows.batch, rows.loss), (50, 200, crate::bptt::LossName::CrossEntropy));
        assert_eq!((rows.optimizer, rows.init, rows.cell), (flip_flop.optimizer, flip_flop.init, flip_flop.cell));
        assert_eq!(rows.connectome().unwrap().pattern(), flip_flop.connectome().unwrap().pattern());
        let task = |by| {
            crate::task::TaskSpec::Images(crate::task::Images {
                by,
                train_samples: None,
                test_samples: None,
                samples: crate::task::Drawn::Fixed,
                data: None,
            })
        };
        assert_eq!(rows.task, task(crate::task::Scan::Rows));
        assert_eq!((pixels.task.clone(), pixels.clip_norm), (task(crate::task::Scan::Pixels), Some(1.0)));
        let same = RunConfig { name: rows.name.clone(), task: rows.task.clone(), clip_norm: None, ..pixels };
        assert_eq!(same, rows);
    }
}
