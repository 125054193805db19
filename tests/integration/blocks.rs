//! Inputs and readouts by selection: what is frozen stays, what is trained moves, and blocks travel with a network.

use daleian::Isa;
use daleian::bptt::LossName;
use daleian::connectome::ConnectionSpec;
use daleian::network::{BlockInit, BlockRule, INPUT, InputBlock, Network, READOUT, ReadoutBlock};
use daleian::optim::OptimizerSpec;
use daleian::train::{TrainSettings, Trainer};

use crate::command::{Place, config, edited};
use crate::support::{bits, connectome, flip_flop};

/// Input values 0 to 2 are of a frozen block of value 2, the others are trained; likewise the readout.
fn network() -> Network {
    let connectome = connectome([5, 3, 2], ConnectionSpec::all(), 1);
    let still = InputBlock { value: Some(2.0), trained: false, ..InputBlock::new([0], "inh") };
    let input = [InputBlock::new([0], "exc"), still];
    let start = Some(BlockInit { gain: 0.5 });
    let readout =
        [ReadoutBlock { init: start, trained: false, ..ReadoutBlock::new([0], "exc") }, ReadoutBlock::new([0], "free")];
    let builder = Network::builder(&connectome).input(1).input_blocks(input);
    builder.readout(1).readout_blocks(readout).seed(1).build().unwrap()
}

#[test]
fn frozen_blocks_stay_and_trained_ones_move() {
    for optimizer in [OptimizerSpec::adam(0.05), OptimizerSpec::sgd(0.5, 0.9)] {
        let start = network();
        // rows are neurons: five excitatory, three inhibitory
        assert_eq!(start.parameters()[INPUT][5..], [2.0; 3]);
        let limit = 0.5 / 7f32.sqrt();
        assert!(start.parameters()[READOUT][..5].iter().all(|w| w.abs() <= limit));
        assert!(start.parameters()[READOUT][5..].iter().any(|w| w.abs() <= 2.0 * limit));
        let mut settings = TrainSettings::new(LossName::Mse, 10, optimizer);
        settings.clip_norm = Some(0.5);
        let mut trainer = Trainer::new(start.clone(), flip_flop(6, 30, 3), settings, Isa::available()[0]).unwrap();
        trainer.epoch().unwrap();
        let end = trainer.network();
        for (id, frozen, trained) in [(INPUT, 5..8, 0..5), (READOUT, 0..5, 5..7)] {
            let (before, after) = (&start.parameters()[id], &end.parameters()[id]);
            assert_eq!(before[frozen.clone()], after[frozen.clone()]);
            assert!(trained.clone().all(|at| before[at] != after[at]), "{after:?}");
            for moments in &trainer.optimizer().moments {
                assert!(moments[id][frozen.clone()].iter().all(|&moment| moment == 0.0));
            }
        }
    }
}

#[test]
fn values_of_trained_entries_do_not_depend_on_frozen_ones_being_said() {
    // an input of value 1 and one with gain 1 take the numbers of the stream that are theirs alone
    let connectome = connectome([3, 2, 1], ConnectionSpec::all(), 1);
    let build = |blocks: &[InputBlock]| Network::builder(&connectome).input(2).input_blocks(blocks).readout(1).build();
    let whole = build(&[]).unwrap();
    let same =
        build(&[InputBlock::new([0, 1], "exc"), InputBlock::new([0, 1], "inh"), InputBlock::new([0, 1], "free")]);
    assert_eq!(bits(whole.parameters()), bits(same.unwrap().parameters()), "blocks of everything are the whole");
    let one = InputBlock { rule: BlockRule::OneToOne, ..InputBlock::new([1, 0], "inh") };
    assert_eq!(build(&[one]).unwrap().wiring().input().indices(), [1, 0]);
}

const BLOCKS: &str = r#"
[[input]]
channels = [0]
to = "exc"
fraction = 0.5

[[input]]
channels = [1]
to = "inh"
value = 0.5
trained = false

[[readout]]
outputs = "0..2"
rule = "probability"
probability = 0.6

[optimizer]"#;

/// Files keep blocks: through pruning, a start from a model, and resuming.
#[test]
fn blocks_travel() {
    let place = Place::own();
    place.write("own.toml", edited(&config(&[]), "[optimizer]", BLOCKS));
    place.done("train own.toml --out first");
    let load = |name: &str| Network::load(place.path(name)).unwrap();
    let first = load("first/model.safetensors");
    // three of six excitatory neurons, both inhibitory ones
    assert_eq!(first.wiring().input().nnz(), 3 + 2);
    let frozen = |network: &Network| -> Vec<f32> {
        let trained = network.wiring().parameter(INPUT).trained.clone().unwrap();
        network.parameters()[INPUT].iter().zip(&*trained).filter(|(_, trained)| !**trained).map(|(&w, _)| w).collect()
    };
    assert_eq!(frozen(&first), [0.5, 0.5]);
    place.done("prune first/model.safetensors --method random --density 0.2 --out pruned");
    place.done("train --from pruned --epochs 2 --out second");
    let second = load("second/model.safetensors");
    assert!(second.wiring().input() == first.wiring().input() && second.wiring().readout() == first.wiring().readout());
    assert_eq!(second.wiring().input_blocks(), first.wiring().input_blocks());
    assert_eq!(frozen(&second), [0.5, 0.5]);
    assert!(second.parameters()[INPUT] != first.parameters()[INPUT]);
    // in parts with the same bits
    place.done("train own.toml --epochs 1 --out parts");
    place.done("train own.toml --resume --out parts");
    assert_eq!(bits(load("parts/model.safetensors").parameters()), bits(first.parameters()));
    // other blocks than those of the model
    place.write("other.toml", edited(&place.text("own.toml"), "fraction = 0.5", "fraction = 0.4"));
    let message = place.typed("train other.toml --from first/model.safetensors --out other").message(2).to_string();
    assert!(message.contains("`input") && message.contains("but the model that the run starts from has"), "{message}");
}
