//! What was tried and what came of it, as a table at the end of a scenario.

use std::path::Path;

#[derive(Default)]
pub struct Table {
    title: String,
    rows: Vec<[String; 3]>,
    failed: usize,
}

impl Table {
    pub fn new(title: &str) -> Self {
        Self { title: title.to_owned(), ..Self::default() }
    }

    /// A case, what it came to, and whether that is as it must be.
    pub fn row(&mut self, case: &str, seen: &str, good: bool) {
        println!("  {} {case}: {seen}", if good { "ok  " } else { "FAIL" });
        self.failed += usize::from(!good);
        self.rows.push([case.to_owned(), seen.to_owned(), if good { "ok" } else { "FAIL" }.to_owned()]);
    }

    /// Prints it, keeps it as `reports/NAME.md` of the build folder; a case that failed fails the test.
    pub fn finish(self, built: &Path, name: &str) {
        let mut text = format!("{}\n\n| case | seen | |\n|---|---|---|\n", self.title);
        for [case, seen, good] in &self.rows {
            text.push_str(&format!("| {case} | {seen} | {good} |\n"));
        }
        println!("\n{text}");
        let folder = built.join("reports");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.md")), text).unwrap();
        assert_eq!(self.failed, 0, "{} of {} cases of {name} failed", self.failed, self.rows.len());
    }
}
