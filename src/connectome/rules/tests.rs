//! What rules draw, and what they refuse.

use proptest::prelude::*;

use super::*;
use crate::connectome::Sign;
use crate::sparse::Pattern;

fn populations(sizes: &[(&str, usize)]) -> Vec<PopulationSpec> {
    let population = |&(name, size): &(&str, usize)| PopulationSpec::new(name, size, Sign::Excitatory);
    sizes.iter().map(population).collect()
}

fn rule(rule: RuleName) -> ConnectionSpec {
    ConnectionSpec { rule, ..ConnectionSpec::all() }
}

fn all(pre: &str, post: &str) -> ConnectionSpec {
    ConnectionSpec { pre: Some(pre.into()), post: Some(post.into()), ..rule(RuleName::All) }
}

fn with_probability(p: f64) -> ConnectionSpec {
    ConnectionSpec { probability: Some(p), ..rule(RuleName::Probability) }
}

fn with_in_degree(k: usize) -> ConnectionSpec {
    ConnectionSpec { in_degree: Some(k), ..rule(RuleName::InDegree) }
}

fn build(sizes: &[(&str, usize)], connections: &[ConnectionSpec]) -> Result<Connectome> {
    Connectome::from_rules(&populations(sizes), connections, 1)
}

fn row_list(connectome: &Connectome) -> Vec<Vec<u32>> {
    (0..connectome.neurons()).map(|row| connectome.pattern().row(row).to_vec()).collect()
}

fn problem(sizes: &[(&str, usize)], connections: &[ConnectionSpec]) -> String {
    build(sizes, connections).unwrap_err().to_string()
}

#[test]
fn puts_blocks_side_by_side_in_any_order() {
    // a = 0, 1; b = 2; c = 3.
    let sizes = [("a", 2), ("b", 1), ("c", 1)];
    let connectome = build(&sizes, &[all("c", "a"), all("a", "a"), all("b", "c"), all("b", "a")]).unwrap();
    assert_eq!(row_list(&connectome), [vec![0, 1, 2, 3], vec![0, 1, 2, 3], vec![], vec![2]]);
    let no_autapses = ConnectionSpec { autapses: false, ..all("a", "a") };
    assert_eq!(row_list(&build(&sizes, &[no_autapses]).unwrap()), [vec![1], vec![0], vec![], vec![]]);
    let to_all = ConnectionSpec { pre: Some("b".into()), ..rule(RuleName::All) };
    assert_eq!(row_list(&build(&sizes, &[to_all]).unwrap()), [[2], [2], [2], [2]]);
    let everything = build(&sizes, &[rule(RuleName::All)]).unwrap();
    assert_eq!(**everything.pattern(), Pattern::dense(4, 4));
    assert_eq!((everything.weights(), everything.neuron_table().ids()), (None, None));
}

#[test]
fn another_connection_does_not_move_the_first() {
    let sizes = [("a", 30), ("b", 20)];
    let within =
        |spec: ConnectionSpec, name: &str| ConnectionSpec { pre: Some(name.into()), post: Some(name.into()), ..spec };
    let (one, two) = (within(with_probability(0.3), "b"), within(with_in_degree(5), "a"));
    let alone = row_list(&build(&sizes, std::slice::from_ref(&one)).unwrap());
    let both = row_list(&build(&sizes, &[one, two]).unwrap());
    assert_eq!(alone[30..], both[30..]);
    assert!(alone[..30].iter().all(Vec::is_empty) && both[..30].iter().all(|row| row.len() == 5));
}

#[test]
fn seeds_draw_different_patterns() {
    for spec in [with_probability(0.2), with_in_degree(5)] {
        let draw =
            |seed| Connectome::from_rules(&populations(&[("a", 50)]), std::slice::from_ref(&spec), seed).unwrap();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}

/// Recorded seeds must mean the same on every machine and in every version.
#[test]
fn patterns_are_the_recorded_ones() {
    let by_degree = row_list(&build(&[("a", 6)], &[with_in_degree(2)]).unwrap());
    let by_chance = row_list(&build(&[("a", 6)], &[with_probability(0.4)]).unwrap());
    assert_eq!(by_degree, [[0, 1], [1, 3], [3, 4], [0, 4], [1, 3], [0, 3]]);
    assert_eq!(by_chance, [&[2, 5][..], &[2, 3, 5], &[0, 3], &[1, 3, 4], &[4], &[1, 2]]);
}

#[test]
fn refuses_populations_it_does_not_know() {
    let text = problem(&[("exc", 2), ("inh", 1)], &[all("exc", "exc"), all("Inh", "exc")]);
    assert!(text.contains("`connection[1].pre`: no neuron has type `Inh`; there are `exc`, `inh`"), "{text}");
    let text = problem(&[("exc", 2)], &[all("exc", "soma")]);
    assert!(text.contains("`connection[0].post`") && text.contains("`soma`"), "{text}");
    assert!(problem(&[("a", 2), ("a", 1)], &[all("a", "a")]).contains("`population[1].name`"));
    assert!(problem(&[("a", 0)], &[all("a", "a")]).contains("\"a\" has 0 neurons"));
    assert!(problem(&[("a", 1)], &[]).contains("`connection`: there is none"));
}

#[test]
fn refuses_wrong_numbers() {
    let a = [("a", 4)];
    let text = problem(&a, &[with_probability(0.0)]);
    assert!(text.contains("`connection[0].probability`: 0 connects nothing"), "{text}");
    assert!(text.contains("above 0 and at most 1"), "{text}");
    for p in [-0.1, 1.5, f64::NAN, f64::INFINITY] {
        let text = problem(&a, &[with_probability(p)]);
        assert!(text.contains(&format!("{p} is no probability")), "{text}");
    }
    assert!(problem(&a, &[with_in_degree(0)]).contains("`connection[0].in-degree`: 0 connects nothing"));
    let text = problem(&a, &[with_in_degree(5)]);
    assert!(text.contains("5 is too large: the network has 4 neurons"), "{text}");
    let besides = ConnectionSpec { pre: Some("a".into()), autapses: false, ..with_in_degree(4) };
    let text = problem(&a, std::slice::from_ref(&besides));
    assert!(text.contains("4 is too large: population `a` has 3 neurons besides the one itself"), "{text}");
    assert!(problem(&a, &[with_in_degree(usize::MAX)]).contains("no network has so many"));
    // From one population to another the neuron itself is not among the presynaptic ones.
    let besides = ConnectionSpec { post: Some("b".into()), ..besides };
    assert_eq!(build(&[("a", 4), ("b", 1)], &[besides]).unwrap().pattern().row(4), [0, 1, 2, 3]);
}

#[test]
fn refuses_keys_of_another_rule() {
    let a = [("a", 4)];
    let text = problem(&a, &[rule(RuleName::Probability)]);
    assert!(text.contains("`connection[0].probability`: is missing"), "{text}");
    let text = problem(&a, &[rule(RuleName::InDegree)]);
    assert!(text.contains("`connection[0].in-degree`: is missing"), "{text}");
    let text = problem(&a, &[ConnectionSpec { probability: Some(0.5), ..rule(RuleName::All) }]);
    assert!(text.contains("`connection[0].probability`: only the rule `probability` has it"), "{text}");
    let text = problem(&a, &[ConnectionSpec { in_degree: Some(1), ..with_probability(0.5) }]);
    assert!(text.contains("`connection[0].in-degree`: only the rule `in-degree` has it"), "{text}");
}

#[test]
fn refuses_connections_that_share_pairs() {
    let sizes = [("a", 2), ("b", 1)];
    let text = problem(&sizes, &[all("a", "b"), all("b", "b"), all("a", "b")]);
    assert!(text.contains("connection[0] (a -> b) and connection[2] (a -> b) share pairs"), "{text}");
    let from_all = ConnectionSpec { post: Some("b".into()), ..rule(RuleName::All) };
    let text = problem(&sizes, &[all("b", "b"), all("a", "a"), from_all]);
    assert!(text.contains("connection[0] (b -> b) and connection[2] (all neurons -> b)"), "{text}");
    assert!(problem(&sizes, &[rule(RuleName::All), all("b", "a")]).contains("all neurons -> all neurons"));
}

#[test]
fn refuses_nothing_and_too_much() {
    let lonely = ConnectionSpec { autapses: false, ..rule(RuleName::All) };
    assert!(problem(&[("a", 1)], &[lonely]).contains("no synapse at all"));
    assert!(problem(&[("a", 3)], &[with_probability(1e-30)]).contains("no synapse at all"));
    let text = problem(&[("a", 100_000)], &[rule(RuleName::All)]);
    assert!(text.contains("about 1.000e10 synapses; expected at most 4294967295"), "{text}");
}

/// Degrees of rows and of columns.
fn degrees(connectome: &Connectome) -> [Vec<usize>; 2] {
    let pattern = connectome.pattern();
    let rows = pattern.indptr().windows(2).map(|ends| ends[1] - ends[0]).collect();
    let mut columns = vec![0; pattern.cols()];
    pattern.indices().iter().for_each(|&pre| columns[pre as usize] += 1);
    [rows, columns]
}

/// With σ = 1 degrees have mean m and variance (e - 1) m², beside what rounding and chance add; the largest of
/// 20,000 log-normals is about e^(3.9 - 1/2) = 30 times the mean. A Poisson degree of mean 50 never reaches 3 times.
#[test]
fn heavy_tailed_degrees_are_log_normal_on_both_sides() {
    let spec = ConnectionSpec { autapses: false, ..ConnectionSpec::heavy_tailed(50.25, 1.0) };
    let connectome = build(&[("exc", 16_000), ("inh", 4_000)], std::slice::from_ref(&spec)).unwrap();
    assert_eq!(connectome.pattern().nnz(), 1_005_000);
    assert!((0..20_000).all(|row| !connectome.pattern().row(row).contains(&(row as u32))));
    for degrees in degrees(&connectome) {
        let largest = *degrees.iter().max().unwrap() as f64 / 50.25;
        assert!((12.0..80.0).contains(&largest), "the largest is {largest} times the mean");
        let logs: Vec<f64> = degrees.iter().filter(|&&k| k > 0).map(|&k| (k as f64).ln()).collect();
        let mean = logs.iter().sum::<f64>() / logs.len() as f64;
        let sigma = (logs.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / logs.len() as f64).sqrt();
        // log-normal of mean 50.25: ln 50.25 - 1/2 = 3.42; counting widens small out-degrees a little
        assert!((mean - 3.42).abs() < 0.05 && (0.97..1.10).contains(&sigma), "{mean} ± {sigma}");
    }
    let connectomes = [1, 1, 2].map(|seed| {
        Connectome::from_rules(&populations(&[("a", 500)]), &[ConnectionSpec::heavy_tailed(9.0, 1.5)], seed).unwrap()
    });
    assert!(connectomes[0] == connectomes[1] && connectomes[0] != connectomes[2]);
}

/// Recorded seeds must mean the same on every machine and in every version.
#[test]
fn heavy_tailed_patterns_are_the_recorded_ones() {
    let rows = row_list(&build(&[("a", 6)], &[ConnectionSpec::heavy_tailed(2.0, 1.0)]).unwrap());
    assert_eq!(rows, [&[1][..], &[4, 5], &[0], &[3], &[0, 3, 4, 5], &[3, 4, 5]]);
}

#[test]
fn heavy_tailed_goes_up_to_every_pair() {
    let spec = ConnectionSpec { autapses: false, ..ConnectionSpec::heavy_tailed(29.0, 4.0) };
    let connectome = build(&[("a", 30)], &[spec]).unwrap();
    assert_eq!(degrees(&connectome)[0], [29; 30]);
    let from_b = ConnectionSpec { pre: Some("b".into()), ..ConnectionSpec::heavy_tailed(4.0, 2.0) };
    let connectome = build(&[("a", 3), ("b", 4)], &[from_b]).unwrap();
    assert!(row_list(&connectome).iter().all(|row| row == &[3, 4, 5, 6]));
}

#[test]
fn refuses_wrong_heavy_tails() {
    let a = [("a", 4)];
    for mean in [0.0, -1.0, 4.5, f64::NAN, f64::INFINITY] {
        let text = problem(&a, &[ConnectionSpec::heavy_tailed(mean, 1.0)]);
        assert!(text.contains("`connection[0].mean-degree`") && text.contains("and at most 4"), "{text}");
    }
    for sigma in [0.0, -1.0, 4.1, f64::NAN] {
        let text = problem(&a, &[ConnectionSpec::heavy_tailed(2.0, sigma)]);
        assert!(text.contains("`connection[0].sigma`") && text.contains("at most 4"), "{text}");
    }
    let text = problem(&a, &[ConnectionSpec { sigma: None, ..ConnectionSpec::heavy_tailed(2.0, 1.0) }]);
    assert!(text.contains("`connection[0].sigma`: is missing: the rule `heavy-tailed` needs it"), "{text}");
    let text = problem(&a, &[ConnectionSpec { mean_degree: Some(2.0), ..with_probability(0.5) }]);
    assert!(text.contains("`connection[0].mean-degree`: only the rule `heavy-tailed` has it"), "{text}");
    let text = problem(&[("a", 100_000)], &[ConnectionSpec::heavy_tailed(90_000.0, 1.0)]);
    assert!(text.contains("expected at most 42950"), "{text}");
}

#[test]
fn a_large_network_takes_the_memory_of_its_synapses() {
    let n = 200_000;
    let spec = ConnectionSpec { autapses: false, ..with_in_degree(100) };
    let connectome = build(&[("exc", 160_000), ("inh", 40_000)], &[spec]).unwrap();
    assert_eq!(connectome.pattern().nnz(), n * 100);
    let connectome = build(&[("a", n)], &[with_probability(1e-5)]).unwrap();
    let (mean, sigma) = (400_000.0, 400_000f64.sqrt());
    assert!((connectome.pattern().nnz() as f64 - mean).abs() < 6.0 * sigma, "{}", connectome.pattern().nnz());
}

proptest! {
    #[test]
    fn heavy_tailed_counts_are_exact(
        seed: u64, a in 1usize..40, b in 1usize..40, share in 0.01f64..=1.0, sigma in 0.1f64..4.0, autapses: bool,
    ) {
        let sources = a + b - usize::from(!autapses);
        prop_assume!(sources > 0);
        let mean = share * sources as f64;
        let wanted = (mean * a as f64).round() as usize;
        prop_assume!(wanted > 0);
        let to_a = ConnectionSpec { post: Some("a".into()), autapses, ..ConnectionSpec::heavy_tailed(mean, sigma) };
        let connectome = Connectome::from_rules(&populations(&[("a", a), ("b", b)]), &[to_a], seed).unwrap();
        prop_assert_eq!(connectome.pattern().nnz(), wanted);
        for (neuron, row) in row_list(&connectome).into_iter().enumerate() {
            prop_assert!(neuron < a || row.is_empty());
            prop_assert!(autapses || !row.contains(&(neuron as u32)));
        }
    }

    #[test]
    fn rows_are_what_the_rules_say(
        seed: u64, a in 1usize..30, b in 1usize..30, k in 1usize..30, p in 0.05f64..=1.0, autapses: bool,
    ) {
        prop_assume!(k < a);
        let from_a = ConnectionSpec { pre: Some("a".into()), autapses, ..with_in_degree(k) };
        let from_b = ConnectionSpec { pre: Some("b".into()), autapses, ..with_probability(p) };
        let sizes = populations(&[("a", a), ("b", b)]);
        let connectome = Connectome::from_rules(&sizes, &[from_b.clone(), from_a.clone()], seed).unwrap();
        for (neuron, row) in row_list(&connectome).into_iter().enumerate() {
            prop_assert_eq!(row.iter().filter(|&&pre| (pre as usize) < a).count(), k);
            prop_assert!(autapses || !row.contains(&(neuron as u32)));
        }
        prop_assert_eq!(Connectome::from_rules(&sizes, &[from_b, from_a], seed).unwrap(), connectome);
    }
}

/// Selections by a column: three populations, two of one region, which alternate.
#[test]
fn connections_select_by_columns() {
    let population = |name: &str, region: &str| PopulationSpec::new(name, 2, Sign::Excitatory).with("region", region);
    let populations = [population("a", "V1"), population("b", "LM"), population("c", "V1")];
    let from = |region: &str| ConnectionSpec { pre: Some(Selection::all().and("region", [region])), ..all("a", "b") };
    let within = |spec| ConnectionSpec { post: Some(Selection::all().and("region", ["V1"])), autapses: false, ..spec };
    let build = |specs: &[ConnectionSpec]| Connectome::from_rules(&populations, specs, 1);
    let connectome = build(&[within(from("V1")), within(from("LM"))]).unwrap();
    assert_eq!(
        row_list(&connectome),
        [vec![1, 2, 3, 4, 5], vec![0, 2, 3, 4, 5], vec![], vec![], vec![0, 1, 2, 3, 5], vec![0, 1, 2, 3, 4]]
    );
    let problem = build(&[within(from("V1")), all("c", "a")]).unwrap_err().to_string();
    assert!(problem.contains("connection[0] (region=V1 -> region=V1) and connection[1] (c -> a) share"), "{problem}");
    let in_degree = ConnectionSpec { rule: RuleName::InDegree, in_degree: Some(3), ..within(from("V1")) };
    let rows = row_list(&build(&[in_degree]).unwrap());
    assert!(rows[4].len() == 3 && rows[4].iter().all(|pre| [0, 1, 5].contains(pre)), "{rows:?}");
}
