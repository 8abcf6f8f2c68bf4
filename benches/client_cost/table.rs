use super::cost::median;
use super::measure::{Contender, Measure};

/// All figures, by contender and measure.
pub(crate) struct Table {
    contenders: Vec<Contender>,
    measures: Vec<Measure>,
    figures: Vec<(Contender, Measure, f64)>,
}

impl Table {
    pub(crate) fn new(contenders: &[Contender], measures: &[Measure]) -> Self {
        Self {
            contenders: contenders.to_vec(),
            measures: measures.to_vec(),
            figures: Vec::new(),
        }
    }

    /// Takes note of a figure; rounds come one after the other.
    pub(crate) fn add(&mut self, contender: Contender, measure: Measure, figure: f64) {
        self.figures.push((contender, measure, figure));
    }

    /// Prints medians, and how the others stand to the first contender. A ratio is the median of
    /// the ratios within each round, so that what changes between rounds does not enter it.
    pub(crate) fn print(&self) {
        let Some((&first, others)) = self.contenders.split_first() else {
            return;
        };
        let columns: String = self
            .contenders
            .iter()
            .map(|contender| format!("{:>20}", contender.name()))
            .collect();
        let ratios: String = others
            .iter()
            .map(|other| format!("{:>26}", format!("{} ÷ {}", other.name(), first.name())))
            .collect();
        println!("\n{:<28}{columns}{ratios}", "medians");
        for &measure in &self.measures {
            let row = self.figures_of(first, measure);
            let figures: String = self
                .contenders
                .iter()
                .map(|&contender| {
                    let figure = median(self.figures_of(contender, measure));
                    format!("{:>20}", format!("{figure:.2} {}", measure.unit()))
                })
                .collect();
            let ratios: String = others
                .iter()
                .map(|&other| {
                    let other = self.figures_of(other, measure);
                    let ratios = other.iter().zip(&row).map(|(other, first)| other / first);
                    format!("{:>26.2}", median(ratios.collect()))
                })
                .collect();
            println!("{:<28}{figures}{ratios}", measure.name());
        }
    }

    fn figures_of(&self, contender: Contender, measure: Measure) -> Vec<f64> {
        let is_meant =
            |figure: &&(Contender, Measure, f64)| (figure.0, figure.1) == (contender, measure);
        self.figures
            .iter()
            .filter(is_meant)
            .map(|figure| figure.2)
            .collect()
    }
}
