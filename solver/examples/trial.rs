use std::time::Instant;
fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect();
    f[11].parse::<f64>().unwrap() * 10.0
}
fn main() {
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&path).unwrap();
        let problem = solver::text::read_problem(&text).unwrap();
        let start = Instant::now();
        let c0 = cpu();
        println!(
            "{path}: {} groups {} pods {} offerings {} nodes",
            problem.groups.len(),
            problem.pods(),
            problem.offerings.len(),
            problem.nodes.len()
        );
        let mut tell = |p: solver::strategy::Progress| {
            println!(
                "  {:8.1} ms {:5.0} cpu, cost {:10.4} bound {:10.4} gap {:.3} % unplaced {}",
                start.elapsed().as_secs_f64() * 1e3,
                cpu() - c0,
                p.cost as f64 / 1e6,
                p.bound as f64 / 1e6,
                100.0 * (p.cost - p.bound) as f64 / p.bound.max(1) as f64,
                p.unplaced
            );
        };
        let options = solver::Options {
            engine: solver::strategy::Engine::Columns,
            gap_ppm: std::env::var("GAP").map_or(0, |g| g.parse().unwrap()),
            ..Default::default()
        };
        let solution = solver::strategy::watch(&problem, &options, &mut tell);
        let t = start.elapsed();
        let v = solver::check(&problem, &solution);
        println!(
            "  total {:.1} ms {:.0} cpu, nodes {} {:?} violations {:?}",
            t.as_secs_f64() * 1e3,
            cpu() - c0,
            solution.launches.iter().map(|l| l.copies).sum::<u32>(),
            solution.effort,
            v.first()
        );
    }
}
