use super::*;
use crate::connectome::{ConnectionSpec, Connectome, PopulationSpec, Selection, Sign};
use crate::network::{BIAS, READOUT, RECURRENT};
use proptest::prelude::*;

/// 3 excitatory and 2 inhibitory neurons, W with weights given by row and column.
fn network(entries: &[(u32, u32, f32)]) -> Network {
    let populations =
        [PopulationSpec::new("exc", 3, Sign::Excitatory), PopulationSpec::new("inh", 2, Sign::Inhibitory)];
    let (post, pre): (Vec<u32>, Vec<u32>) = entries.iter().map(|&(post, pre, _)| (post, pre)).unzip();
    let connectome = Connectome::from_edges(&populations, &pre, &post, None).unwrap();
    let mut network = Network::builder(&connectome).input(1).readout(1).build().unwrap();
    for (at, &(_, _, w)) in entries.iter().enumerate() {
        network.parameter_mut(RECURRENT)[at] = w;
    }
    network
}

/// Row by row: all pairs of two populations of `size` neurons, with weights that are not alike.
fn full(size: usize) -> Network {
    let populations =
        [PopulationSpec::new("exc", size, Sign::Excitatory), PopulationSpec::new("inh", size, Sign::Inhibitory)];
    let connectome = Connectome::from_rules(&populations, &[ConnectionSpec::all()], 1).unwrap();
    Network::builder(&connectome).input(1).readout(1).build().unwrap()
}

fn pruning(method: PruneMethod, target: PruneTarget) -> Pruning {
    Pruning { method, target, redistribute: true }
}

fn block(post: &str, pre: &str, density: f64) -> BlockDensity {
    BlockDensity { post: post.into(), pre: pre.into(), density }
}

/// W, sparse:  row 0: 0.1 at 0, -0.9 at 3;  row 2: 0.5 at 0, 0.3 at 1, -0.2 at 4;  row 4: 0.3 at 2
const SMALL: [(u32, u32, f32); 6] = [(0, 0, 0.1), (0, 3, -0.9), (2, 0, 0.5), (2, 1, 0.3), (2, 4, -0.2), (4, 2, 0.3)];

#[test]
fn magnitude_by_hand() {
    // 3 of 25 pairs: the -0.9, the 0.5, and of the two 0.3 the first
    let pruned = prune(&network(&SMALL), &pruning(PruneMethod::Magnitude, PruneTarget::Whole(0.12)), 1).unwrap();
    assert_eq!(pruned.kept, [1, 2, 3]);
    let pattern = pruned.network.wiring().recurrent();
    assert_eq!(pattern.indptr(), [0, 1, 1, 3, 3, 3]);
    assert_eq!(pattern.indices(), [3, 0, 1]);
    assert_eq!(*pruned.network.parameters()[RECURRENT], [-0.9, 0.5, 0.3]);
    let want = BlockCount { post: None, pre: None, pairs: 25, before: 6, target: 0.12, expected: 3.0, obtained: 3 };
    assert_eq!(pruned.blocks, [want]);
    assert_eq!(pruned.blocks[0].density(), 0.12);
}

#[test]
fn blocks_by_hand() {
    // exc from exc: 9 pairs, entries 0, 2 and 3, one of them stays; inh from exc: all 1 of 6; the rest stays
    let target = PruneTarget::Blocks(vec![block("inh", "exc", 1.0 / 6.0), block("exc", "exc", 1.0 / 9.0)]);
    let pruned = prune(&network(&SMALL), &pruning(PruneMethod::Magnitude, target), 1).unwrap();
    assert_eq!(pruned.kept, [1, 2, 4, 5]);
    let counts: Vec<_> = pruned.blocks.iter().map(|b| (b.pairs, b.before, b.obtained)).collect();
    assert_eq!(counts, [(6, 1, 1), (9, 3, 1)]);
    assert_eq!((pruned.blocks[1].post.as_deref(), pruned.blocks[0].post.as_deref()), (Some("exc"), Some("inh")));
    // nothing elsewhere
    let network = network(&SMALL);
    let named = fill_blocks(vec![block("exc", "exc", 1.0 / 9.0)], network.wiring().neuron_table(), 0.0).unwrap();
    assert_eq!(named.len(), 4);
    let pruned = prune(&network, &pruning(PruneMethod::TopProb, PruneTarget::Blocks(named)), 1).unwrap();
    assert_eq!(pruned.blocks.iter().map(|b| b.before).sum::<usize>(), 6);
    assert!(pruned.kept.iter().all(|entry| [0, 2, 3].contains(entry)));
}

#[test]
fn moments_are_made_smaller_along() {
    let network = network(&SMALL);
    let pruned = prune(&network, &pruning(PruneMethod::Magnitude, PruneTarget::Whole(0.12)), 1).unwrap();
    let mut moments = Parameters::zeros(network.wiring(), |name| name != READOUT);
    moments[RECURRENT].copy_from_slice(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    moments[BIAS].fill(7.0);
    let smaller = pruned.compact(&moments);
    assert_eq!(*smaller[RECURRENT], [1.0, 2.0, 3.0]);
    assert_eq!(*smaller[BIAS], [7.0; 5]);
    assert!(smaller[READOUT].is_empty());
    // of a frozen W there are none
    assert!(pruned.compact(&Parameters::zeros(network.wiring(), |_| false))[RECURRENT].is_empty());
}

#[test]
fn nothing_and_everything() {
    let network = full(4);
    for method in PruneMethod::ALL {
        let none = prune(&network, &pruning(method, PruneTarget::Whole(0.0)), 1).unwrap();
        assert_eq!((none.kept.len(), none.network.wiring().recurrent().indptr()), (0, &[0; 9][..]));
        let all = prune(&network, &pruning(method, PruneTarget::Whole(1.0)), 1).unwrap();
        assert_eq!(all.network.parameters(), network.parameters());
        assert_eq!(all.network.wiring().recurrent(), network.wiring().recurrent());
        // and again of nothing
        assert!(prune(&none.network, &pruning(method, PruneTarget::Whole(0.0)), 1).unwrap().kept.is_empty());
    }
}

#[test]
fn wrong_targets_are_named() {
    let network = network(&SMALL);
    let problem = |target| prune(&network, &pruning(PruneMethod::TopProb, target), 1).unwrap_err().to_string();
    for density in [1.5, -0.1, f64::NAN, f64::INFINITY] {
        let wanted = format!("`density`: {density}; expected a density from 0 to 1");
        assert_eq!(problem(PruneTarget::Whole(density)), wanted);
        let text = problem(PruneTarget::Blocks(vec![block("exc", "inh", density)]));
        assert!(text.starts_with(&format!("`blocks`: from `inh` to `exc`: {density}; expected a density")), "{text}");
    }
    assert_eq!(
        problem(PruneTarget::Whole(0.28)),
        "`density`: 0.28 of 25 pairs is 7 synapses, but 6 exist; expected at most 0.240000"
    );
    assert_eq!(
        problem(PruneTarget::Blocks(vec![block("inh", "exc", 0.5)])),
        "`blocks`: from `exc` to `inh`: 0.5 of 6 pairs is 3 synapses, but 1 exist; expected at most 0.166666"
    );
    assert!(
        problem(PruneTarget::Blocks(vec![block("exc", "vip", 0.1)]))
            .contains("no neuron has type `vip`; there are `exc`")
    );
    let twice = vec![block("exc", "inh", 0.1), block("exc", "inh", 0.2)];
    assert!(problem(PruneTarget::Blocks(twice)).contains("named twice"));
}

/// The draws of a block depend on the seed and on that block alone.
#[test]
fn blocks_draw_apart() {
    let network = full(8);
    let kept = |blocks: Vec<BlockDensity>| {
        let pruned = prune(&network, &pruning(PruneMethod::Random, PruneTarget::Blocks(blocks)), 3).unwrap();
        let here = |entry: &u32| *entry / 16 < 8 && *entry % 16 >= 8;
        pruned.kept.into_iter().filter(here).collect::<Vec<_>>()
    };
    let alone = kept(vec![block("exc", "inh", 0.5)]);
    assert_eq!(alone, kept(vec![block("inh", "inh", 0.3), block("exc", "inh", 0.5), block("exc", "exc", 0.1)]));
    assert!(!alone.is_empty() && alone.len() < 64);
}

/// Over seeds, an entry stays as often as its probability says, within 5 standard deviations, and so does the count.
#[test]
fn frequencies_are_the_probabilities() {
    const SEEDS: usize = 2_000;
    let network = full(6);
    let weights = &network.parameters()[RECURRENT];
    let keep = 0.3 * 144.0;
    for (method, redistribute, wanted) in [
        (PruneMethod::TopProb, true, keep_probabilities(weights, keep)),
        (PruneMethod::TopProb, false, cut_probabilities(weights, keep)),
        (PruneMethod::Random, true, vec![0.3; 144]),
    ] {
        let pruning = Pruning { method, target: PruneTarget::Whole(0.3), redistribute };
        let (mut stayed, mut total) = (vec![0usize; 144], 0usize);
        let mut expected = 0.0;
        for seed in 0..SEEDS {
            let pruned = prune(&network, &pruning, seed as u64).unwrap();
            pruned.kept.iter().for_each(|&entry| stayed[entry as usize] += 1);
            total += pruned.blocks[0].obtained;
            expected = pruned.blocks[0].expected;
        }
        let seeds = SEEDS as f64;
        for (stayed, &p) in stayed.iter().zip(&wanted) {
            let sigma = (p * (1.0 - p) / seeds).sqrt();
            assert!(
                (*stayed as f64 / seeds - p).abs() <= 5.0 * sigma + 1e-12,
                "{method:?}: {stayed} of {SEEDS} for {p}"
            );
        }
        assert!((expected - wanted.iter().sum::<f64>()).abs() < 1e-9);
        let sigma = (wanted.iter().map(|p| p * (1.0 - p)).sum::<f64>() / seeds).sqrt();
        assert!((total as f64 / seeds - expected).abs() <= 5.0 * sigma, "{method:?}: {total} in all for {expected}");
    }
}

/// Recorded numbers: a seed means the same on every machine and in every version.
#[test]
fn a_seed_keeps_the_recorded_entries() {
    let kept = |method| prune(&network(&SMALL), &pruning(method, PruneTarget::Whole(0.12)), 1).unwrap().kept;
    assert_eq!((kept(PruneMethod::TopProb), kept(PruneMethod::Random)), (vec![1, 2], vec![2]));
}

#[test]
fn reads_blocks() {
    let network = network(&SMALL);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blocks.csv");
    let read = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let found = read_blocks(&path, network.wiring().neuron_table());
        found.map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))
    };
    let found = read("density,pre,layer,post\n0.1,exc,5,inh\n1, inh,5,inh\n").unwrap();
    assert_eq!(found, [block("inh", "exc", 0.1), block("inh", "inh", 1.0)]);
    for (text, says) in [
        (
            "pre,post,density\nexc,vip,0.1\n",
            "blocks.csv: row 2, column `post`: no neuron has type `vip`; there are `exc`, `inh`",
        ),
        ("pre,post,density\nexc,inh,x\n", "blocks.csv: row 2, column `density`: \"x\" is not a number"),
        ("pre,post,density\nexc,inh,1.5\n", "blocks.csv: row 2, column `density`: 1.5; expected a density from 0 to 1"),
        ("pre,post,density\nexc,inh,nan\n", "blocks.csv: row 2, column `density`: NaN; expected a density"),
        ("pre,post,density\nexc,inh,0\nexc,exc,0\n\nexc,inh,1\n", "blocks.csv: rows 2 and 5: both from `exc` to `inh`"),
        ("pre,post,density\n", "blocks.csv: there is no block"),
        ("pre,post\nexc,inh\n", "blocks.csv: column `density` is missing"),
        ("", "blocks.csv: the file is empty; expected a header `pre,post,density`"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.starts_with(says), "{text:?}: {error}");
    }
}

/// Neurons of two regions that alternate: even ones in V1.
#[test]
fn blocks_by_selection() {
    let populations: Vec<PopulationSpec> = ["a", "b", "c", "d"]
        .iter()
        .zip(["V1", "LM", "V1", "LM"])
        .map(|(name, region)| PopulationSpec::new(*name, 1, Sign::Excitatory).with("region", region))
        .collect();
    let connectome = Connectome::from_rules(&populations, &[ConnectionSpec::all()], 1).unwrap();
    let network = Network::builder(&connectome).input(1).readout(1).build().unwrap();
    let region = |name: &str| Selection::all().and("region", [name]);
    let block = |post: Selection, pre: Selection| BlockDensity { post, pre, density: 0.0 };
    let prune = |blocks| prune(&network, &pruning(PruneMethod::Random, PruneTarget::Blocks(blocks)), 1);
    let pruned = prune(vec![block(region("V1"), region("LM")), block("b".into(), "a".into())]).unwrap();
    // rows 0 and 2 lose columns 1 and 3, row 1 loses column 0
    assert_eq!(pruned.kept, [0, 2, 5, 6, 7, 8, 10, 12, 13, 14, 15]);
    assert_eq!((pruned.blocks[0].pre.as_deref(), pruned.blocks[0].pairs), (Some("region=LM"), 4));
    let problem = prune(vec![block(region("V1"), region("LM")), block("a".into(), "b".into())]).unwrap_err();
    assert!(problem.to_string().contains("from `b` to `a`: shares synapses"), "{problem}");
    let neurons = network.wiring().neuron_table();
    let problem = fill_blocks(vec![block(region("V1"), region("LM"))], neurons, 0.0).unwrap_err();
    assert!(problem.to_string().contains("expected types alone"), "{problem}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blocks.csv");
    std::fs::write(&path, "pre,post,density\nregion=LM,\"region=V1,type=a|c\",0.5\nregion=LM,b,0\n").unwrap();
    let found = read_blocks(&path, neurons).unwrap();
    assert_eq!(found[0].post, region("V1").and("type", ["a", "c"]));
    assert_eq!(found[1].post, "b".into());
    std::fs::write(&path, "pre,post,density\narea=LM,b,0.5\n").unwrap();
    let problem = read_blocks(&path, neurons).unwrap_err().to_string();
    assert!(problem.contains("row 2, column `pre`: neurons have no column `area`"), "{problem}");
}

proptest! {
    #[test]
    fn what_stays_is_as_it_was(seed in any::<u64>(), share in 0.0f64..=1.0, method in 0usize..3, whole in any::<bool>()) {
        let network = full(7);
        let method = PruneMethod::ALL[method];
        let target = match whole {
            true => PruneTarget::Whole(share),
            false => PruneTarget::Blocks(vec![block("inh", "exc", share), block("inh", "inh", 1.0 - share)]),
        };
        let pruned = prune(&network, &pruning(method, target), seed).unwrap();
        let (old, new) = (network.wiring(), pruned.network.wiring());
        prop_assert!(pruned.kept.is_sorted_by(|a, b| a < b));
        prop_assert_eq!(pruned.kept.len(), new.recurrent().nnz());
        prop_assert_eq!(old.signs(), new.signs());
        prop_assert_eq!(pruned.network.sign_violations(), 0);
        let (before, after) = (&network.parameters()[RECURRENT], &pruned.network.parameters()[RECURRENT]);
        for row in 0..14 {
            for entry in new.recurrent().entries(row) {
                let was = pruned.kept[entry] as usize;
                prop_assert!(old.recurrent().entries(row).contains(&was));
                prop_assert_eq!(old.recurrent().indices()[was], new.recurrent().indices()[entry]);
                prop_assert_eq!(before[was].to_bits(), after[entry].to_bits());
            }
        }
        if method == PruneMethod::Magnitude && whole {
            let least = after.iter().fold(f32::INFINITY, |least, w| least.min(w.abs()));
            let gone = (0..196u32).filter(|entry| pruned.kept.binary_search(entry).is_err());
            prop_assert!(gone.into_iter().all(|entry| before[entry as usize].abs() <= least));
            prop_assert_eq!(after.len(), (share * 196.0).round() as usize);
        }
        let same = prune(&network, &Pruning { redistribute: true, ..pruning(method, PruneTarget::Whole(share)) }, seed);
        if whole {
            prop_assert_eq!(same.unwrap().kept, pruned.kept);
        }
    }
}
