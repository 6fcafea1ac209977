//! What an answer promises about the change that it confirms.

/// How much a confirmed change survives. For endpoints with a directory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// The end of the process, however it dies: the change was handed to the operating system before the answer. The default.
    #[default]
    Process,
    /// The end of the machine, too: the change was on the disk before the answer. As slow as the disk.
    Machine,
}
