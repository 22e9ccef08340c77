use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;
fn main() {
    for p in std::env::args().skip(1) {
        let t = std::time::Instant::now();
        let proto = tract_onnx::onnx().proto_model_for_path(&p).unwrap();
        let m = tract_onnx::onnx()
            .with_ignore_value_info(true)
            .with_ignore_output_shapes(true)
            .model_for_proto_model(&proto)
            .unwrap();
        let mut m = m;
        m.analyse(false).unwrap();
        let m = m.into_typed().unwrap();
        println!("{p} typed in {:?} nodes {}", t.elapsed(), m.nodes.len());
        let mut h = std::collections::BTreeMap::new();
        for n in &m.nodes {
            *h.entry(n.op.name().to_string()).or_insert(0) += 1;
        }
        println!("{h:?}");
        if std::env::var("FULL").is_ok() {
            for n in m.eval_order().unwrap() {
                let n = &m.nodes[n];
                println!(
                    "{} {} {} {:?} <- {:?} :: {:?}",
                    n.id,
                    n.name,
                    n.op.name(),
                    n.op.info().unwrap_or_default(),
                    n.inputs,
                    n.outputs
                        .iter()
                        .map(|o| format!("{:?}{}", o.fact.without_value().datum_type, format!("{:?}", o.fact.shape)))
                        .collect::<Vec<_>>()
                );
            }
        }
    }
}
