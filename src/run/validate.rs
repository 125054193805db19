//! Whether every setting of a configuration is within its range.

use super::{RunConfig, parameter_spec};
use crate::bptt::LossName;
use crate::error::{Error, Result};
use crate::network::{ActivationName, InitWeights};
use crate::ranges::{above_zero, at_least_one, check, not_negative};

/// TOML numbers are signed.
const MAX_SEED: u64 = i64::MAX as u64;
/// Epochs are numbers of random streams.
const MAX_EPOCHS: usize = i32::MAX as usize;

impl RunConfig {
    /// Checks every number and every pair of settings that must agree. Files are checked when they are read, rules
    /// between populations when the connectome is drawn.
    ///
    /// # Errors
    /// [`Error::Setting`] with the key of the first setting that is wrong, and what is expected.
    pub fn validate(&self) -> Result<()> {
        check("epochs", self.total_epochs() <= MAX_EPOCHS, self.total_epochs(), "at most 2^31 - 1")?;
        self.validate_phases()?;
        at_least_one("batch", self.batch)?;
        check("seed", self.seed <= MAX_SEED, self.seed, "at most 2^63 - 1")?;
        if self.name.is_empty() || self.name.contains(['/', '\\', '\0']) || self.name.starts_with('.') {
            return Err(Error::setting("name", "a name without slashes, that can be part of a folder's, is needed"));
        }
        if let Some(limit) = self.clip_norm {
            above_zero("clip-norm", limit)?;
        }
        above_zero("init.gain", self.init.gain)?;
        check("init.gain", self.init.gain <= f64::from(f32::MAX), self.init.gain, "a number that float32 can hold")?;
        not_negative("penalty.l2-weights", self.penalty.l2_weights)?;
        not_negative("penalty.l2-rates", self.penalty.l2_rates)?;
        self.optimizer.validate()?;
        self.schedule.validate(self.optimizer.learning_rate())?;
        self.validate_checkpoint()?;
        self.validate_network()
    }

    fn validate_checkpoint(&self) -> Result<()> {
        let checkpoint = self.checkpoint;
        match (checkpoint.epochs, checkpoint.steps) {
            (Some(every), None) => at_least_one("checkpoint.epochs", every),
            (None, Some(every)) => at_least_one("checkpoint.steps", every),
            _ => Err(Error::setting("checkpoint", "exactly one of `epochs` and `steps` is needed")),
        }
    }

    fn validate_network(&self) -> Result<()> {
        use ActivationName::{Identity, Tanh};
        let g = self.output.activation;
        if !matches!(g, Identity | Tanh) {
            return Err(Error::setting("output.activation", "expected `identity` or `tanh`"));
        }
        if self.loss == LossName::CrossEntropy && g != Identity {
            let problem = "`cross-entropy` takes the outputs as they are: expected `identity`";
            return Err(Error::setting("output.activation", problem));
        }
        parameter_spec::settings(self.constraint, &self.parameter)?.validate(self.optimizer.learning_rate())?;
        for (k, block) in self.input.iter().enumerate() {
            block.validate(&format!("input[{k}]"))?;
        }
        for (k, block) in self.readout.iter().enumerate() {
            block.validate(&format!("readout[{k}]"))?;
        }
        match &self.connectome {
            Some(_) if !self.population.is_empty() || !self.connection.is_empty() => {
                let problem = "neurons come from its files; `population` and `connection` must be left out beside it";
                Err(Error::setting("connectome", problem))
            }
            _ if self.start.is_some() => Ok(()),
            None if self.population.is_empty() => {
                Err(Error::setting("population", "no neurons: `[[population]]`, `[connectome]` or `start` is needed"))
            }
            None if self.init.weights == InitWeights::Edges => {
                Err(Error::setting("init.weights", "`edges` needs the edge list of a `[connectome]`"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::presets;

    /// The flip-flop with some text replaced.
    fn edited(from: &str, to: &str) -> Result<RunConfig> {
        let text = presets::text("flip-flop").unwrap();
        assert!(text.contains(from), "{from}");
        RunConfig::from_toml(&text.replacen(from, to, 1), "test.toml", "")
    }

    #[test]
    fn wrong_settings_are_named() {
        for (from, to, key) in [
            ("epochs = 100", "epochs = 0", "`epochs`: 0; expected at least 1"),
            (
                "epochs = 100",
                "epochs = 9000000000000000000",
                "`epochs`: 9000000000000000000; expected at most 2^31 - 1",
            ),
            ("batch = 200 ", "batch = 0 ", "`batch`: 0"),
            ("name = \"flip-flop\"", "name = \"a/b\"", "`name`"),
            ("learning-rate = 0.001", "learning-rate = nan", "`optimizer.learning-rate`: NaN"),
            ("learning-rate = 0.001", "learning-rate = -1.0", "`optimizer.learning-rate`: -1"),
            ("beta1 = 0.9", "beta1 = 1.0", "`optimizer.beta1`"),
            ("epsilon = 1e-8", "epsilon = 0.0", "`optimizer.epsilon`"),
            ("epsilon = 1e-8", "epsilon = 1e-60", "`optimizer.epsilon`"),
            ("kind = \"constant\"", "kind = \"cosine\"\nperiod = 0", "`schedule.period`"),
            ("kind = \"constant\"", "kind = \"cosine\"\nperiod = 5\nminimum = 0.01", "`schedule.minimum`"),
            ("kind = \"constant\"", "kind = \"step\"\nevery = 3\nfactor = 0.0", "`schedule.factor`"),
            ("# clip-norm = 1.0", "clip-norm = inf #", "`clip-norm`"),
            ("gain = 1.0", "gain = 0.0", "`init.gain`"),
            ("gain = 1.0", "gain = 1e300", "`init.gain`"),
            ("l2-rates = 0.0", "l2-rates = -0.1", "`penalty.l2-rates`"),
            ("epochs = 1  ", "epochs = 1\nsteps = 2 ", "`checkpoint`: exactly one"),
            ("epochs = 1  ", "steps = 0 ", "`checkpoint.steps`"),
            ("loss = \"mse\" ", "loss = \"cross-entropy\" ", "`output.activation`"),
            ("activation = \"tanh\"       # g", "activation = \"relu\"       # g", "`output.activation`"),
            ("weights = \"uniform\"", "weights = \"edges\"", "`init.weights`"),
            ("[[population]]", "[connectome]\nedges = \"e.csv\"\n[[population]]", "`connectome`"),
        ] {
            let error = edited(from, to).expect_err(to).to_string();
            assert!(error.contains(key) && error.starts_with("test.toml"), "{to}: {error}");
        }
    }

    #[test]
    fn wrong_parameters_are_named() {
        const W: &str = "recurrent.values";
        let frozen = |name: &str| format!("name = \"{name}\"\ntrained = false");
        let all = crate::network::COMMON_NAMES.map(frozen);
        for (parameters, want) in [
            (vec![format!("name = \"{W}\"\nrate-factor = 0.0")], "`parameter.recurrent.values.rate-factor`: 0; "),
            (vec![format!("name = \"{W}\"\nrate-factor = -3.0")], "`parameter.recurrent.values.rate-factor`: -3; "),
            (
                vec![format!("name = \"{W}\"\nrate-factor = 1e-44")],
                "`parameter.recurrent.values.rate-factor times learning-rate`",
            ),
            (
                vec![frozen("readout.bias"), frozen("readout.bias")],
                "`parameter[1].name`: `readout.bias` stands in parameter[0] already; expected once",
            ),
            (
                vec![frozen("readout.bias"), frozen("readout.weights")],
                "`parameter[1].name`: no parameter is called `readout.weights`; expected one of recurrent.values, ",
            ),
            (
                vec![format!("name = \"{W}\"\nconstraint = \"none\"")],
                "`parameter[0].constraint`: that of the recurrent weights is said by the key `constraint` at the top",
            ),
            (
                vec!["name = \"input.weight\"\nconstraint = \"dale\"".into()],
                "`parameter.input.weight.constraint`: only recurrent weights have the sign of a presynaptic neuron",
            ),
            (vec!["name = \"input.weight\"\nfactor = 1.0".into()], "factor"),
            (all.to_vec(), "`parameter`: every parameter is frozen"),
        ] {
            let tables: String = parameters.iter().map(|table| format!("[[parameter]]\n{table}\n")).collect();
            let error = edited("[[population]]", &format!("{tables}[[population]]")).expect_err(want).to_string();
            assert!(error.contains(want) && error.starts_with("test.toml"), "{tables}: {error}");
        }
        let right = "[[parameter]]\nname = \"readout.weight\"\ntrained = false\nconstraint = \"none\"\n[[population]]";
        let config = edited("[[population]]", right).unwrap();
        assert_eq!(config.settings().unwrap().parameters.of("readout.weight").trained, crate::train::Trained::Frozen);
        assert_eq!(RunConfig::from_toml(&config.to_toml(), "again", "").unwrap(), config);
    }

    #[test]
    fn unknown_keys_are_errors_in_every_table() {
        for table in [
            "",
            "[task]",
            "[cell]",
            "[output]",
            "[init]",
            "[optimizer]",
            "[schedule]",
            "[penalty]",
            "[checkpoint]",
            "[[connection]]",
            "[[phase]]",
        ] {
            let mut text = presets::text("flip-flop").unwrap().to_string();
            text += "\n[[phase]]\nkind = \"train\"\nepochs = 3\n";
            let text = match table {
                "" => format!("wrong-key = 1\n{text}"),
                _ => text.replacen(table, &format!("{table}\nwrong-key = 1"), 1),
            };
            let error = RunConfig::from_toml(&text, "test.toml", "").expect_err(table).to_string();
            assert!(error.contains("wrong-key"), "{table}: {error}");
        }
    }

    #[test]
    fn words_that_are_no_choice_are_errors() {
        for (from, to) in [
            ("constraint = \"dale\"", "constraint = \"dales\""),
            ("kind = \"adam\"", "kind = \"adamw\""),
            ("rule = \"all\"", "rule = \"some\""),
            ("sign = 1 ", "sign = 2 "),
            ("kind = \"flip-flop\"", "kind = \"flipflop\""),
        ] {
            assert!(edited(from, to).is_err(), "{to}");
        }
    }

    #[test]
    fn resolved_settings_read_back_the_same() {
        let config = presets::config("flip-flop").unwrap();
        assert_eq!(RunConfig::from_toml(&config.to_toml(), "again", "").unwrap(), config);
    }

    #[test]
    fn paths_are_taken_from_the_folder_of_the_file() {
        let text = presets::text("flip-flop").unwrap();
        let (head, _) = text.split_once("[[population]]").unwrap();
        let text = format!("{head}\n[connectome]\nedges = \"e.csv\"\nneurons = \"/n.csv\"\n");
        let config = RunConfig::from_toml(&text, "test.toml", "/data/here").unwrap();
        let connectome = config.connectome.unwrap();
        assert_eq!(connectome.edges, std::path::Path::new("/data/here/e.csv"));
        assert_eq!(connectome.neurons.unwrap(), std::path::Path::new("/n.csv"));
    }
}
