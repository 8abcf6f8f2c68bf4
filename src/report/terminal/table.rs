use unicode_width::UnicodeWidthStr;

use super::page::{Ink, Piece, cut};
use crate::printable::printable;

/// Which side a column keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Columns that line up; the first is the one that gives way on a narrow page.
#[derive(Debug)]
pub(in crate::report) struct Table {
    align: Vec<Align>,
    rows: Vec<Vec<Piece>>,
}

impl Table {
    const GAP: usize = 2;
    /// What is left of the first column on any page.
    const FIRST: usize = 8;

    /// A table with a head; its first column holds words, the others numbers.
    pub(in crate::report) fn of_numbers<'a>(head: impl IntoIterator<Item = &'a str>) -> Self {
        let head: Vec<Piece> = head
            .into_iter()
            .map(|title| (Ink::Dim, title.to_owned()))
            .collect();
        let mut align = vec![Align::Right; head.len()];
        align[0] = Align::Left;
        Self {
            align,
            rows: vec![head],
        }
    }

    /// A table without a head.
    pub(super) fn plain(align: &[Align]) -> Self {
        Self {
            align: align.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row with as many cells as there are columns.
    pub(in crate::report) fn row(&mut self, cells: Vec<Piece>) {
        debug_assert_eq!(cells.len(), self.align.len(), "a cell for each column");
        let cells = cells.into_iter().map(|(ink, text)| (ink, printable(&text)));
        self.rows.push(cells.collect());
    }

    /// The rows as pieces of lines, none wider than `width` if the first column can give so much.
    pub(super) fn lay_out(&self, width: usize) -> Vec<Vec<Piece>> {
        let mut widths: Vec<usize> = (0..self.align.len())
            .map(|column| {
                let cells = self.rows.iter().map(|row| row[column].1.width());
                cells.max().unwrap_or(0)
            })
            .collect();
        let total = widths.iter().sum::<usize>() + Self::GAP * widths.len().saturating_sub(1);
        if let Some(first) = widths.first_mut() {
            let shrunk = first.saturating_sub(total.saturating_sub(width));
            *first = shrunk.max(Self::FIRST.min(*first));
        }
        let rows = self.rows.iter();
        rows.map(|row| self.lay_out_row(row, &widths)).collect()
    }

    fn lay_out_row(&self, row: &[Piece], widths: &[usize]) -> Vec<Piece> {
        let mut pieces = Vec::with_capacity(row.len() * 3);
        for (column, ((ink, text), width)) in row.iter().zip(widths).enumerate() {
            if column > 0 {
                pieces.push((Ink::Plain, " ".repeat(Self::GAP)));
            }
            let text = cut(text, *width);
            let padding = (Ink::Plain, " ".repeat(width - text.width()));
            match self.align[column] {
                Align::Left => pieces.extend([(*ink, text), padding]),
                Align::Right => pieces.extend([padding, (*ink, text)]),
            }
        }
        pieces
    }
}
