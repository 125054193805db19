//! Drawings of numbers, as SVG text that the caller writes to a file.
//!
//! The same numbers give the same bytes. Nothing here fails: values that are not finite are left out, and a drawing of
//! nothing says so.

mod axis;
mod canvas;
mod crossing;
mod loss_curves;
pub mod panels;
mod pieces;
mod style;
mod trials;
mod weight_distribution;
mod weight_maps;

pub use crossing::{CrossingFigure, Ratios, crossing};
pub use loss_curves::{Curve, LossFigure, loss_curves};
pub use trials::{Channels, Target, Trial, trials};
pub use weight_distribution::weight_distribution;
pub use weight_maps::weight_maps;

/// What every drawing must be, for tests: XML, without `NaN` or `inf`, all text inside the picture.
#[cfg(test)]
pub(super) fn check(svg: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(svg).expect("the drawing is XML");
    assert!(!svg.contains("NaN") && !svg.contains("inf\""), "a number that is not finite got into the drawing");
    let view_box = document.root_element().attribute("viewBox").expect("a viewBox");
    let size: Vec<f64> = view_box.split(' ').map(|number| number.parse().unwrap()).collect();
    let texts = document.descendants().filter(|node| node.has_tag_name("text"));
    texts
        .map(|node| {
            let at = |name| node.attribute(name).unwrap().parse::<f64>().unwrap();
            let text = node.text().unwrap_or("").trim().to_string();
            assert!((0.0..=size[2]).contains(&at("x")) && (0.0..=size[3]).contains(&at("y")), "{text} lies outside");
            text
        })
        .collect()
}
