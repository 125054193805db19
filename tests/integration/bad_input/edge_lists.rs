//! Edges and neurons in CSV.

use std::fs;

use super::{TRAIN, refused};
use crate::command::{CONFIG, Place, edited};

#[test]
fn edge_lists() {
    let edges = |text: &str| ("edges.csv", text.as_bytes().to_vec());
    let neurons = |text: &str| ("neurons.csv", text.as_bytes().to_vec());
    // a weight is read where the network starts with it
    let own = format!("{CONFIG}[init]\nweights = \"edges\"\n");
    let fresh = Place::own();
    let (all_edges, all_neurons) = (fresh.text("edges.csv"), fresh.text("neurons.csv"));
    for (case, (file, content), says) in [
        (
            "column missing",
            edges("pre,to,weight\nn0,n1,1\n"),
            &["edges.csv: column `post` is missing; the header is `pre,to"][..],
        ),
        (
            "weight that is no number",
            edges("pre,post,weight\nn0,n1,strong\n"),
            &["edges.csv: row 2, column `weight`: \"strong\" is not"],
        ),
        (
            "weight NaN",
            edges("pre,post,weight\nn0,n1,1\nn1,n1,NaN\n"),
            &["edges.csv: row 3, column `weight`: \"NaN\" is not a finite"],
        ),
        (
            "edge that is there twice",
            edges("pre,post,weight\nn0,n1,1\nn1,n1,1\nn0,n1,2\n"),
            &["edges.csv: rows 2 and 4 are the same edge, from \"n0\" to \"n1\"", "duplicates = \"sum\""],
        ),
        (
            "id that is not among the neurons",
            edges("pre,post\nn0,n9\n"),
            &["edges.csv: row 2, column `post`: \"n9\" is not among", "neurons.csv"],
        ),
        (
            "weights against the sign",
            edges("pre,post,weight\nn0,n1,1\nn1,n2,-0.5\nn7,n2,3\n"),
            &[
                "edges.csv: row 3, column `weight`: -0.5 from \"n1\", which is excitatory",
                "in all: 2",
                "contradictions = \"clamp\"",
            ],
        ),
        ("no edge", edges("pre,post,weight\n"), &["edges.csv: there is no edge"]),
        ("empty file", edges(""), &["edges.csv: the file is empty; expected a header `pre,post[,weight]`"]),
        (
            "too few fields",
            edges("pre,post,weight\nn0,n1\n"),
            &["edges.csv: row 2: has 2 fields, but the header has 3"],
        ),
        (
            "not UTF-8",
            ("edges.csv", b"pre,post\nn0,n1\nn\xe9,n1\n".to_vec()),
            &["edges.csv: row 3, column `pre`: \"n\\xe9\" is not UTF-8"],
        ),
        ("gzip that is cut off", ("edges.csv", vec![0x1f, 0x8b, 8, 0, 0, 0]), &["edges.csv: cannot read"]),
        (
            "sign that is none",
            neurons(&edited(&all_neurons, "n3,exc,1", "n3,exc,2")),
            &["neurons.csv: row 5, column `sign`: \"2\" is no sign", "1, -1, 0, E, I, exc, inh"],
        ),
        (
            "neuron that is there twice",
            neurons(&edited(&all_neurons, "n3,exc,1", "n2,exc,1")),
            &["neurons.csv: row 5, column `id`: \"n2\" is in row 4 already"],
        ),
        ("column missing", neurons("id,type\nn0,exc\n"), &["neurons.csv: column `sign` is missing"]),
        ("empty file", neurons(""), &["neurons.csv: the file is empty; expected a header `id,sign[,type,…]`"]),
    ] {
        let place = Place::own();
        place.write("own.toml", own.as_str());
        place.write(file, content);
        refused(&place, TRAIN, &format!("{file}: {case}"), says);
    }
    for file in ["edges.csv", "neurons.csv", "data.npz"] {
        let place = Place::own();
        fs::remove_file(place.path(file)).unwrap();
        refused(&place, TRAIN, &format!("{file} is missing"), &[file, "cannot open: No such file"]);
        fs::create_dir(place.path(file)).unwrap();
        refused(&place, TRAIN, &format!("{file} is a folder"), &[file, "Is a directory"]);
    }

    // what makes them right
    let place = Place::own();
    place.write("edges.csv", format!("{all_edges}n0,n1,1\n"));
    refused(&place, TRAIN, "duplicate, without a word on it", &["rows 2 and 26"]);
    let answer = place.done("train own.toml --out a --duplicates sum");
    assert!(
        answer.err.contains("24 synapses") && place.text("a/config.toml").contains("duplicates = \"sum\""),
        "{answer:?}"
    );
    place.write("own.toml", own.as_str());
    place.write("edges.csv", edited(&all_edges, "n0,n1,0.1", "n0,n1,-0.1"));
    refused(&place, TRAIN, "contradiction, without a word on it", &["weights = \"magnitude\""]);
    place.done("train own.toml --out b --contradictions clamp");
    // counts without a sign take that of their neuron
    let place = Place::own();
    place.write("own.toml", edited(&own, "[connectome]", "[connectome]\nweights = \"magnitude\"\nscale = 0.5"));
    place.write("edges.csv", all_edges.replace(",-", ",").replace(",weight", ",count"));
    place.done("train own.toml --out counts");
    place.write("own.toml", edited(&own, "neurons = \"neurons.csv\"", "weights = \"magnitude\""));
    refused(&place, TRAIN, "magnitudes without neurons", &["`connectome.weights`: `magnitude` needs the sign"]);
    place.write("own.toml", edited(&own, "[connectome]", "[connectome]\nscale = 0"));
    refused(&place, TRAIN, "scale 0", &["`connectome.scale`: 0; expected a number above 0"]);
    place.write("own.toml", edited(&own, "[connectome]", "[connectome]\nweights = \"unused\""));
    refused(&place, TRAIN, "weights that are unused and used", &["`init.weights`", "weights = \"unused\""]);
    // weights that are not used are not checked
    let place = Place::own();
    place.write("edges.csv", edited(&all_edges, "n0,n1,0.1", "n0,n1,strong"));
    place.done("train own.toml --out unused --epochs 1");
    // a type of several signs
    place.write("neurons.csv", edited(&all_neurons, "n3,exc,1", "n3,exc,-1"));
    place.done("train own.toml --out mixed --epochs 1");
    for (excitatory, inhibitory) in [("E", "I"), ("exc", "inh"), ("+1", "-1"), ("0", "0")] {
        let place = Place::own();
        place.write(
            "neurons.csv",
            all_neurons.replace("exc,1", &format!("exc,{excitatory}")).replace("inh,-1", &format!("inh,{inhibitory}")),
        );
        place.done("train own.toml --out run --epochs 1");
    }
}
