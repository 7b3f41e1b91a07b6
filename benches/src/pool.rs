//! Groups from a pool: what one lease costs, and how that scales with threads.

use crate::figure::{Figure, Spread};
use bailiwick_compiler::{Options, binary, compile};
use bailiwick_loader::{Artifact, Group, GroupConfig, Imports, Pool, PoolConfig};
use std::hint::black_box;
use std::sync::Barrier;
use std::time::Instant;

/// What tenants have, and do.
const MODULES: [(&str, &str); 4] = [
    ("no memory", r#"(module (func (export "run") (param i32)))"#),
    ("1 page of memory", MEMORY_1),
    ("18 pages, data at 1 MiB", MEMORY_18),
    ("memory that grows by a page", GROWING),
];

/// Writes a byte to each of so many pages of 4 KiB.
const MEMORY_1: &str = r#"(module (memory 1) (data (i32.const 1024) "data")
    (func (export "run") (param $n i32)
      (block $done (loop $next
        (br_if $done (i32.eqz (local.get $n)))
        (i32.store8 (i32.mul (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 4096)) (i32.const 1))
        (br $next)))))"#;

/// As compilers of C and Rust lay memory out: the stack ends at 1 MiB, where data begins.
const MEMORY_18: &str = r#"(module (memory 18) (data (i32.const 0x100000) "data")
    (func (export "run") (param $n i32)
      (block $done (loop $next
        (br_if $done (i32.eqz (local.get $n)))
        (i32.store8 (i32.sub (i32.const 0x104000)
          (i32.mul (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 4096))) (i32.const 1))
        (br $next)))))"#;

const GROWING: &str = r#"(module (memory 1)
    (func (export "run") (param $n i32)
      (drop (memory.grow (i32.const 1)))
      (i32.store8 (i32.const 65536) (i32.const 1))))"#;

/// Measures both suites.
pub fn measure(suite: &'static str, rounds: usize, figures: &mut Vec<Figure>) {
    match suite {
        "scale" => scale(suite, rounds, figures),
        _ => leases(suite, rounds, figures),
    }
}

fn artifact(text: &str) -> Artifact {
    let wasm = binary(text.as_bytes()).expect("the benchmark's text is well-formed");
    let bytes = compile(&wasm, &Options::default()).expect("the benchmark's module compiles");
    Artifact::from_bytes(&bytes, "bench").expect("it loads")
}

fn pool(artifact: &Artifact) -> Pool {
    Pool::new(artifact, &Imports::new(), GroupConfig::default(), PoolConfig::default()).expect("groups can be had")
}

/// A lease, in which the guest writes to so many pages; `None`: in which nothing happens.
fn lease(pool: &Pool, pages: Option<i32>) {
    let mut lease = pool.acquire().expect("a group");
    if let Some(pages) = pages {
        let run = lease.instance().typed_func::<i32, ()>(&mut lease, "run").expect("it is exported");
        run.call(&mut lease, pages).expect("it returns");
    }
    black_box(&lease);
}

/// The same without a pool.
fn made(artifact: &Artifact, pages: Option<i32>) {
    let mut group = Group::new().expect("address space");
    let instance = group.instantiate(artifact, &Imports::new()).expect("it instantiates");
    if let Some(pages) = pages {
        let run = instance.typed_func::<i32, ()>(&mut group, "run").expect("it is exported");
        run.call(&mut group, pages).expect("it returns");
    }
    black_box(&group);
}

fn leases(suite: &'static str, rounds: usize, figures: &mut Vec<Figure>) {
    for (what, text) in MODULES {
        let artifact = artifact(text);
        let pool = pool(&artifact);
        for (doing, pages) in [("untouched", None), ("a call", Some(0)), ("a call that writes 16 pages", Some(16))] {
            if pages == Some(16) && what == "no memory" {
                continue;
            }
            // Short rounds, which others on the machine spoil less often.
            let pooled = Spread::times(8 * rounds, 200, || lease(&pool, pages));
            figures.push(Figure::time(suite, &format!("pool: {what}, {doing}"), Ok(pooled)));
            let anew = Spread::times(8 * rounds, 20, || made(&artifact, pages));
            figures.push(Figure::time(suite, &format!("anew: {what}, {doing}"), Ok(anew)));
        }
    }
}

/// The time of a lease when 1, 2, 4, … threads take them at once, on as many processors as there are and on twice as many.
fn scale(suite: &'static str, rounds: usize, figures: &mut Vec<Figure>) {
    let most = 2 * std::thread::available_parallelism().map_or(1, |threads| threads.get());
    for (what, text) in MODULES {
        let artifact = artifact(text);
        for doing in ["pool", "anew"] {
            for threads in std::iter::successors(Some(1), |threads| Some(threads * 2)).take_while(|&t| t <= most) {
                let pool = pool(&artifact);
                let count = if doing == "pool" { 20_000 } else { 500 };
                let time = together(threads, rounds, count, || match doing {
                    "pool" => lease(&pool, Some(4)),
                    _ => made(&artifact, Some(4)),
                });
                let name = format!("{doing}: {what}, {threads} threads, a lease of any");
                figures.push(Figure::time(suite, &name, time.ok_or_else(|| "no rounds".to_owned())));
            }
        }
    }
}

/// Nanoseconds for each of all operations, when each thread does `count` of them.
fn together(threads: usize, rounds: usize, count: u32, operation: impl Fn() + Sync) -> Option<Spread> {
    let times = (0..rounds.max(3)).map(|_| {
        let barrier = Barrier::new(threads + 1);
        let (barrier, operation) = (&barrier, &operation);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|_| {
                    scope.spawn(move || {
                        // The first is not what is measured: it prepares the thread, and perhaps makes a group.
                        operation();
                        barrier.wait();
                        (0..count).for_each(|_| operation());
                    })
                })
                .collect();
            barrier.wait();
            let begin = Instant::now();
            for worker in workers {
                worker.join().expect("it does not panic");
            }
            begin.elapsed().as_nanos() as f64 / f64::from(count) / threads as f64
        })
    });
    Spread::of(times.collect())
}
