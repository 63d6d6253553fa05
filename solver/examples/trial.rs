use std::time::Instant;
fn main() {
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&path).unwrap();
        let problem = solver::text::read_problem(&text).unwrap();
        let start = Instant::now();
        println!("{path}: {} groups {} pods {} offerings", problem.groups.len(), problem.pods(), problem.offerings.len());
        let mut tell = |p: solver::strategy::Progress| {
            println!("  {:8.1} ms cost {:10.4} bound {:10.4} gap {:.3} %", start.elapsed().as_secs_f64()*1e3, p.cost as f64/1e6, p.bound as f64/1e6, 100.0*(p.cost-p.bound) as f64/p.bound.max(1) as f64);
        };
        let options = solver::Options { engine: solver::strategy::Engine::Columns, ..Default::default() };
        let solution = solver::strategy::watch(&problem, &options, &mut tell);
        let t = start.elapsed();
        let v = solver::check(&problem, &solution);
        println!("  total {:.1} ms {:?} violations {:?}", t.as_secs_f64()*1e3, solution.effort, v.first());
    }
}
