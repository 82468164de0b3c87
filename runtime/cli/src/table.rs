//! Tables that read well without colour: columns of one width, two spaces between them, a heading.

use std::io;

use super::printer::{Printer, Style, width};

/// Rows of cells under headings.
#[derive(Debug)]
pub(super) struct Table {
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Between two columns.
const GAP: &str = "  ";

impl Table {
    /// A table with these headings.
    pub(super) fn new<H: Into<String>>(headings: impl IntoIterator<Item = H>) -> Self {
        Self {
            headings: headings.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub(super) fn row<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Whether there is nothing but headings.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Prints it; `indent` spaces stand before each line.
    pub(super) fn print(&self, printer: &mut Printer<'_>, indent: usize) -> io::Result<()> {
        let columns = self
            .rows
            .iter()
            .map(Vec::len)
            .max()
            .unwrap_or(0)
            .max(self.headings.len());
        let mut widths = vec![0; columns];
        for row in std::iter::once(&self.headings).chain(&self.rows) {
            for (column, cell) in widths.iter_mut().zip(row) {
                *column = width(cell).max(*column);
            }
        }
        if !self.headings.is_empty() {
            let headings: Vec<String> = self
                .headings
                .iter()
                .map(|heading| Style::Strong.paint(heading))
                .collect();
            printer.line(&laid_out(&headings, &widths, indent))?;
        }
        for row in &self.rows {
            printer.line(&laid_out(row, &widths, indent))?;
        }
        Ok(())
    }
}

fn laid_out(cells: &[String], widths: &[usize], indent: usize) -> String {
    let mut line = " ".repeat(indent);
    // Nothing is padded at the end of a line, so that lines can be copied.
    let last = cells.iter().rposition(|cell| width(cell) > 0).unwrap_or(0);
    for (index, (cell, column)) in cells.iter().zip(widths).take(last + 1).enumerate() {
        if index > 0 {
            line.push_str(GAP);
        }
        line.push_str(cell);
        if index < last {
            line.push_str(&" ".repeat(column - width(cell)));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::super::printer::Looks;
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_where_the_text_ends() {
        let mut table = Table::new(["PERSON", "NAME", "STATE"]);
        table.row(["hr:1", "Zo\u{eb} Lee", "active"]);
        table.row(["hr:10042", "", ""]);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        table
            .print(&mut Printer::new(&mut out, &mut err, Looks::default()), 2)
            .unwrap();
        let expected = "  PERSON    NAME     STATE\n  hr:1      Zo\u{eb} Lee  active\n  hr:10042\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
