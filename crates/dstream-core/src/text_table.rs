//! A table as text: columns as wide as they must be, and a last one that may be as long as it likes.

use std::fmt;

pub(crate) struct TextTable {
    headers: Vec<String>,
    last_header: &'static str,
    rows: Vec<(Vec<String>, String)>,
}

impl TextTable {
    pub(crate) fn new(headers: &[&str], last_header: &'static str) -> Self {
        Self { headers: headers.iter().map(|header| (*header).to_owned()).collect(), last_header, rows: Vec::new() }
    }

    /// A row of as many cells as there are headers, and the cell of the last column.
    pub(crate) fn add(&mut self, row: Vec<String>, last: String) {
        self.rows.push((row, last));
    }
}

impl fmt::Display for TextTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = std::iter::once((&self.headers, self.last_header))
            .chain(self.rows.iter().map(|(row, last)| (row, last.as_str())));
        let width = |column: usize| {
            let cells = self.rows.iter().map(|(row, _)| row).chain([&self.headers]);
            cells.filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.headers.len()).map(width).collect();
        for (row, last) in rows {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}  "));
            let line = cells.collect::<String>() + last;
            writeln!(f, "  {}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_lines_end_with_their_text() {
        let mut table = TextTable::new(&["a", "wide"], "rest");
        table.add(vec!["long".to_owned(), "1".to_owned()], "told".to_owned());
        table.add(vec!["x".to_owned(), "2".to_owned()], String::new());
        assert_eq!(table.to_string(), "  a     wide  rest\n  long  1     told\n  x     2\n");
    }
}
