//! What a user sees of `print`.

use std::io::{self, Write};

use crate::support::{Rig, Seeing};
use dstream_core::StopMode;

struct Sink(Seeing<u8>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        bytes.iter().for_each(|byte| self.0.push(*byte));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn each_batch_prints_its_block_also_an_empty_one() {
    let printed = Seeing::new();
    let sink = Sink(printed.clone());
    let rig = Rig::with(|builder| builder.print_to(sink).master("local[1]"));
    rig.ctx.queue_stream([vec!["b a b"]]).flat_map(|line| line.split(' ')).map(|w| (w, 1)).print_n(2);
    rig.ctx.start().await.unwrap();
    rig.batch().await;
    rig.batch().await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    let rule = "-------------------------------------------";
    let expected = format!("{rule}\nTime: 1000 ms\n{rule}\n(b,1)\n(a,1)\n...\n\n{rule}\nTime: 2000 ms\n{rule}\n\n");
    assert_eq!(String::from_utf8(printed.all()).unwrap(), expected);
}
