//! The input side: what is read, what is refused and in which words.

use provisioner::snapshot::{
    Snapshot,
    read::{ReadOptions, Reader},
};

fn read(text: &str) -> Result<Snapshot, String> {
    let mut reader = Reader::new(ReadOptions { cron_jobs: true, ..ReadOptions::default() });
    reader.add_bytes("in.yaml", text.as_bytes()).map_err(|error| error.to_string())?;
    Ok(reader.finish())
}

fn refused(text: &str) -> String {
    match read(text) {
        Ok(snapshot) => format!("ACCEPTED {:?}", snapshot.skipped),
        Err(line) => line,
    }
}

#[test]
fn try_it() {
    let texts = [
        "",
        "hello",
        "a: [1, 2",
        "a: b",
        "{\"a\": }",
        "kind: Pod\napiVersion: v1\n",
        "kind: Pod\napiVersion: v1\nmetadata: {name: a}\nspec: {containers: 3}",
        "kind: Pod\napiVersion: v1\nmetadata: {name: a}\nspec: {containers: [{name: a, resources: {requests: {cpu: 1x}}}]}",
        "kind: Pod\napiVersion: v1\nmetadata: {name: a}\nspec: {containers: [{name: a, resources: {requests: {cpu: -1}}}]}",
        "kind: Pod\napiVersion: v1\nmetadata: {name: a}\nspec: {nodeSelector: {a: true}, containers: [{name: a}]}",
        "kind: Pod\napiVersion: v1\nmetadata: {name: a}\nspec:\n  nodeSelector: {a: b}\n  nodeSelector: {c: d}\n",
        "---\n# x\n---\nkind: Pod\napiVersion: v1\nmetadata: {name: a}\nspec: {containers: [{name: a}]}\n---\na: b\n  c: d\n",
        "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
        "{\"kind\": \"Pod\", \"apiVersion\": \"v1\",",
    ];
    for text in texts {
        println!("{}", refused(text));
    }
    println!("{}", refused(&"[".repeat(100_000)));
    println!("{}", refused(&format!("a: {}", "[".repeat(100_000))));
    println!("{}", refused(&"- ".repeat(100_000)));
    println!(
        "{}",
        refused(&(0..3000).map(|i| format!("{}a:\n", " ".repeat(i))).collect::<String>())
    );
}
