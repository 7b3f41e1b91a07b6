//! Attack 12, DNS rebinding and exfiltration by look-up, and what else the network must not be: seen by servers that count
//! what reaches them, and by a resolver that answers what it should not. Each with a control run in which the same call
//! succeeds under the grant that it lacks.

use super::*;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A server that greets whoever connects, and counts them.
pub(super) struct Greeter {
    pub(super) port: u16,
    count: Arc<AtomicUsize>,
}

impl Greeter {
    pub(super) fn start() -> Greeter {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut stream = stream;
                let _ = stream.write_all(b"welcome");
                let mut reader = stream.try_clone().expect("a clone");
                std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
                open.push(stream);
            }
        });
        Greeter { port, count }
    }

    /// How many connections there were. Those of others wait in front of the one by which it is asked.
    pub(super) fn reached(&self) -> usize {
        let mut own = TcpStream::connect(("127.0.0.1", self.port)).expect("the server");
        own.read_exact(&mut [0; 7]).expect("a welcome");
        self.count.fetch_sub(1, Ordering::SeqCst) - 1
    }
}

/// A resolver. What was asked, and answers in turn; the last one goes on for ever.
pub(super) struct Resolver {
    pub(super) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Resolver {
    /// Each answer is a list of addresses.
    pub(super) fn start(answers: &[&[&str]]) -> Resolver {
        let answers: Vec<Vec<IpAddr>> =
            answers.iter().map(|list| list.iter().map(|text| text.parse().expect("an address")).collect()).collect();
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let address = socket.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            let mut turns = [0; 2];
            while let Ok((len, from)) = socket.recv_from(&mut buffer) {
                let question = &buffer[..len];
                // Whoever counts asks for nothing, and takes no turn.
                if question[12] == 0 {
                    heard.lock().expect("a list").push(String::new());
                    let _ = socket.send_to(question, from);
                    continue;
                }
                let six = question[len - 3] == 28;
                let mut labels = Vec::new();
                let mut at = 12;
                while question[at] != 0 {
                    let end = at + 1 + usize::from(question[at]);
                    labels.push(String::from_utf8_lossy(&question[at + 1..end]).into_owned());
                    at = end;
                }
                heard.lock().expect("a list").push(labels.join("."));
                let turn = &mut turns[usize::from(six)];
                let list = answers.get(*turn).or(answers.last()).cloned().unwrap_or_default();
                *turn += 1;
                let list: Vec<IpAddr> = list.into_iter().filter(|address| address.is_ipv6() == six).collect();
                let mut answer = question.to_vec();
                answer[2..4].copy_from_slice(&[0x81, 0x80]);
                answer[7] = list.len() as u8;
                for address in list {
                    answer.extend([0xc0, 12, 0, if six { 28 } else { 1 }, 0, 1, 0, 0, 0, 0]);
                    match address {
                        IpAddr::V4(v4) => answer.extend([&[0, 4][..], &v4.octets()].concat()),
                        IpAddr::V6(v6) => answer.extend([&[0, 16][..], &v6.octets()].concat()),
                    }
                }
                let _ = socket.send_to(&answer, from);
            }
        });
        Resolver { address, asked }
    }

    /// The names that were asked for, each once. What others asked waits in front of the question by which it is asked.
    pub(super) fn asked(&self) -> Vec<String> {
        let own = UdpSocket::bind("127.0.0.1:0").expect("a port");
        own.send_to(b"\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\xff\0\x01", self.address).expect("the resolver");
        own.recv(&mut [0; 1500]).expect("an answer");
        self.asked.lock().expect("a list").retain(|name| !name.is_empty());
        let mut asked = self.asked.lock().expect("a list").clone();
        asked.sort();
        asked.dedup();
        asked
    }
}

/// The probe, that holds these resources besides a terminal, arguments and a clock.
pub(super) fn probe(host: &str) -> App {
    let names: Vec<&str> = host.lines().filter_map(|line| line.split_once(" = ").map(|(name, _)| name)).collect();
    let grants: String = names.iter().map(|name| format!("{name} = \"{name}\"\n")).collect();
    App::web(&format!(
        "[package]\nname = \"probe\"\nmodule = \"probe.wasm\"\n[host]\n{host}\n\
         out = {{ kind = \"stdio\", stdout = \"inherit\", stderr = \"inherit\" }}\n\
         command = {{ kind = \"args\", command_line = true }}\ntime = {{ kind = \"clock\" }}\n\
         [grants]\n{grants}out = \"out\"\ncommand = \"command\"\ntime = \"time\"\n"
    ))
}

/// A client and a server talk over a connection, by the interface and by preview 1's own calls.
#[test]
fn who_is_granted_it_connects() {
    let greeter = Greeter::start();
    let port = greeter.port.to_string();
    for (grant, host) in [
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "localhost"),
        ("127.0.0.0/8", "127.0.0.1"),
        ("localhost", "::ffff:127.0.0.1"),
    ] {
        let app = probe(&format!("net = {{ kind = \"tcp\", connect = [\"{grant}:{port}\"] }}"));
        app.run(&["connect", host, &port, "recv", "peek", "receive", "send", "hello", "write", "you", "peer", "shutdown", "close", "receive"])
            .with(0)
            .prints(&format!(
                "connect ok\nrecv \"welcome\"\npeek \"welcome\"\nreceive \"welcome\"\nsend 5\nwrite 3\npeer 127.0.0.1 {port}\nshutdown ok\nclose ok\nreceive badf\n"
            ));
        app.run(&["connect", host, &port, "read", "close"]).with(0).prints("connect ok\nread \"welcome\"\nclose ok\n");
    }
    assert_eq!(greeter.reached(), 8);
}

#[test]
fn nothing_is_reached_that_was_not_granted() {
    let greeter = Greeter::start();
    let port = greeter.port.to_string();
    let other = (greeter.port ^ 1).to_string();
    // No grant at all, another port, another host; names for the same address that are no names.
    let nothing = probe("");
    nothing
        .run(&[
            "connect",
            "127.0.0.1",
            &port,
            "resolve",
            "localhost",
            "listen",
            "127.0.0.1",
            "0",
            "bind",
            "127.0.0.1",
            "0",
        ])
        .with(0)
        .prints("connect notcapable\nresolve notcapable\nlisten notcapable\nbind notcapable\n");
    let narrow =
        probe(&format!("net = {{ kind = \"tcp\", connect = [\"127.0.0.1:{other}\", \"example.test:{port}\"] }}"));
    for host in [
        "127.0.0.1",
        "127.0.0.2",
        "0.0.0.0",
        "::1",
        "::",
        "localhost",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "example.org",
    ] {
        narrow.run(&["connect", host, &port]).with(0).prints("connect notcapable\n");
    }
    for text in ["0x7f.1", "2130706433", "017700000001", "127.1", "", "a b", "[::1]", "fe80::1%lo"] {
        narrow.run(&["connect", text, &port]).with(0).prints("connect inval\n");
    }
    // Whoever may go anywhere goes nowhere inside, by whatever form of the address.
    let anywhere = probe(&format!("net = {{ kind = \"tcp\", connect = [\"*:{port}\"] }}"));
    for host in [
        "127.0.0.1",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        "::",
        "::1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "169.254.169.254",
        "10.0.0.1",
        "localhost",
    ] {
        anywhere.run(&["connect", host, &port]).with(0).prints("connect notcapable\n");
    }
    assert_eq!(greeter.reached(), 0);
    // The control: the same call, where nothing is denied.
    anywhere.edit("bailiwick.toml", "] }\nout", "], deny_cidr = [] }\nout");
    anywhere.run(&["connect", "127.0.0.1", &port]).with(0).prints("connect ok\n");
    assert_eq!(greeter.reached(), 1);
    // And what is denied explicitly is denied to who names it.
    let denied =
        probe(&format!("net = {{ kind = \"tcp\", connect = [\"127.0.0.1:{port}\"], deny_cidr = [\"127.0.0.0/8\"] }}"));
    denied.run(&["connect", "127.0.0.1", &port]).with(0).prints("connect notcapable\n");
    assert_eq!(greeter.reached(), 1);
}

/// A name that is granted leads to no address inside, in whatever form the resolver writes it.
#[test]
fn rebinding_leads_nowhere() {
    let greeter = Greeter::start();
    let port = greeter.port;
    for answer in [
        "127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "169.254.169.254",
        "64:ff9b::7f00:1",
        "0.0.0.0",
        "::",
        "2002:7f00:1::1",
    ] {
        let resolver = Resolver::start(&[&[answer]]);
        let app = probe(&format!(
            "net = {{ kind = \"tcp\", connect = [\"api.example:{port}\"] }}\n\
             names = {{ kind = \"dns\", allow = [\"other.example\"], servers = [\"{}\"] }}\n",
            resolver.address
        ));
        app.run(&["connect", "api.example", &port.to_string()]).with(0).prints("connect notcapable\n");
        assert_eq!(resolver.asked(), ["api.example"]);
    }
    assert_eq!(greeter.reached(), 0);
    // The control: where the address is not denied.
    let resolver = Resolver::start(&[&["127.0.0.1"]]);
    let app = probe(&format!(
        "net = {{ kind = \"tcp\", connect = [\"api.example:{port}\"], deny_cidr = [] }}\n\
         names = {{ kind = \"dns\", allow = [\"other.example\"], servers = [\"{}\"] }}\n",
        resolver.address
    ));
    app.run(&["connect", "API.example.", &port.to_string(), "read"]).with(0).prints("connect ok\nread \"welcome\"\n");
    assert_eq!(greeter.reached(), 1);
}

/// A resolver that answers well at first and badly then: each call looks a name up once, and goes to what it checked.
#[test]
fn the_address_that_was_checked_is_the_one() {
    let greeter = Greeter::start();
    let port = greeter.port.to_string();
    let resolver = Resolver::start(&[&["127.0.0.2"], &["127.0.0.1"]]);
    let manifest = |deny: &str| {
        format!(
            "net = {{ kind = \"tcp\", connect = [\"api.example:{port}\"], deny_cidr = [{deny}] }}\n\
             names = {{ kind = \"dns\", allow = [\"api.example\"], servers = [\"{}\"] }}\n",
            resolver.address
        )
    };
    let app = probe(&manifest("\"127.0.0.1/32\""));
    app.run(&["connect", "api.example", &port, "connect", "api.example", &port])
        .with(0)
        .prints("connect connrefused\nconnect notcapable\n");
    assert_eq!(greeter.reached(), 0);
    // Of several, those that are refused are left out, and told.
    let resolver = Resolver::start(&[&["10.0.0.1", "127.0.0.1"]]);
    let app = probe(&format!(
        "net = {{ kind = \"tcp\", connect = [\"api.example:{port}\"], deny_cidr = [\"private\"] }}\n\
         names = {{ kind = \"dns\", allow = [\"x.example\"], servers = [\"{}\"] }}\n",
        resolver.address
    ));
    ended(app.command().args(["run", "--audit", "audit.jsonl", "bailiwick.toml", "connect", "api.example", &port]))
        .with(0)
        .prints("connect ok\n");
    assert_eq!(greeter.reached(), 1);
    let audit = app.read("audit.jsonl");
    assert!(audit.contains("\"address\":\"10.0.0.1\"") && audit.contains("\"rule\":\"address\""), "{audit}");
}

/// What a module knows does not leave by the names that it asks for.
#[test]
fn no_packet_for_a_name_that_is_not_granted() {
    let resolver = Resolver::start(&[&["127.0.0.1"]]);
    let greeter = Greeter::start();
    let port = greeter.port.to_string();
    let host = format!(
        "net = {{ kind = \"tcp\", connect = [\"*:{port}\"], deny_cidr = [] }}\n\
         names = {{ kind = \"dns\", allow = [\"*.example.org\"], servers = [\"{}\"] }}\n",
        resolver.address
    );
    let app = probe(&host);
    app.run(&["connect", "5eed.evil.test", &port, "resolve", "5eed.evil.test", "resolve", "example.org"])
        .with(0)
        .prints("connect notcapable\nresolve notcapable\nresolve notcapable\n");
    assert_eq!(resolver.asked(), [] as [&str; 0]);
    app.run(&["resolve", "a.example.org", "connect", "b.example.org", &port])
        .with(0)
        .prints("resolve 127.0.0.1 ok\nconnect ok\n");
    assert_eq!(resolver.asked(), ["a.example.org", "b.example.org"]);
    // The control: with the grant, it leaves.
    let app = probe(&host.replace("*.example.org", "*"));
    app.run(&["resolve", "5eed.evil.test"]).with(0).prints("resolve 127.0.0.1 ok\n");
    assert_eq!(resolver.asked().len(), 3);
}

#[test]
fn connections_and_bytes_are_limited() {
    let greeter = Greeter::start();
    let port = greeter.port.to_string();
    let app = probe(&format!(
        "net = {{ kind = \"tcp\", connect = [\"127.0.0.1:{port}\"], max_connections = 2, max_bytes = \"5000B\" }}"
    ));
    let connect = ["connect", "127.0.0.1", &port];
    app.run(&[&connect[..], &connect, &connect, &["close"], &connect].concat())
        .with(0)
        .prints("connect ok\nconnect ok\nconnect mfile\nclose ok\nconnect ok\n");
    assert_eq!(greeter.reached(), 3, "what is refused is not begun");
    app.run(&[&connect[..], &["flood", "6000", "receive"]].concat())
        .with(0)
        .prints("connect ok\nflood 5000 dquot\nreceive dquot\n");
    app.run(&[&connect[..], &["receive", "flood", "6000"]].concat())
        .with(0)
        .prints("connect ok\nreceive \"welcome\"\nflood 4993 dquot\n");
}

/// What a limit refuses is refused before anybody is asked for a name.
#[test]
fn no_packet_beyond_a_limit() {
    let (greeter, resolver) = (Greeter::start(), Resolver::start(&[&["127.0.0.1"]]));
    let port = greeter.port.to_string();
    let names = format!("names = {{ kind = \"dns\", allow = [\"x.example\"], servers = [\"{}\"] }}", resolver.address);
    let manifest = |kind: &str, limit: &str| {
        let hosts = format!("[\"127.0.0.1:{port}\", \"api.example:{port}\"]");
        format!("net = {{ kind = \"{kind}\", connect = {hosts}, deny_cidr = []{limit} }}\n{names}\n")
    };
    let twice = ["connect", "127.0.0.1", &port, "connect", "api.example", &port];
    probe(&manifest("tcp", ", max_connections = 1")).run(&twice).with(0).prints("connect ok\nconnect mfile\n");
    let sends = ["bind", "127.0.0.1", "0", "send-to", "api.example", &port, "hello"];
    probe(&manifest("udp", ", max_bytes = \"3B\"")).run(&sends).with(0).prints("bind ok\nsend-to dquot\n");
    assert_eq!(resolver.asked(), [] as [&str; 0]);
    // The controls.
    probe(&manifest("tcp", ", max_connections = 2")).run(&twice).with(0).prints("connect ok\nconnect ok\n");
    assert_eq!(resolver.asked(), ["api.example"]);
    probe(&manifest("udp", ", max_bytes = \"5B\"")).run(&sends).with(0).prints("bind ok\nsend-to 5\n");
}

/// A module whose network is another's: of what that one passes on it has all, and of the rest no packet leaves.
#[test]
fn who_is_confined_reaches_what_the_allow_list_passes_on() {
    let (greeter, resolver) = (Greeter::start(), Resolver::start(&[&["127.0.0.1"]]));
    let port = greeter.port.to_string();
    let echo = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let datagrams = echo.local_addr().expect("an address").port().to_string();
    let (heard, hears) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((len, from)) = echo.recv_from(&mut buffer) {
            let _ = heard.send(buffer[..len].to_vec());
            let _ = echo.send_to(&buffer[..len], from);
        }
    });
    let app = |allow: &str| {
        App::web(&format!(
            "[package]\nname = \"probe\"\nmodule = \"probe.wasm\"\n[host]\n\
             out = {{ kind = \"stdio\", stdout = \"inherit\", stderr = \"inherit\" }}\n\
             command = {{ kind = \"args\", command_line = true }}\n\
             net = {{ kind = \"tcp\", connect = [\"*:{port}\"], deny_cidr = [] }}\n\
             datagrams = {{ kind = \"udp\", connect = [\"*:{datagrams}\"], deny_cidr = [] }}\n\
             names = {{ kind = \"dns\", allow = [\"*\"], servers = [\"{}\"] }}\n\
             hosts = {{ kind = \"env\", set = {{ ALLOW = \"{allow}\" }} }}\n\
             [grants]\nout = \"out\"\ncommand = \"command\"\n[imports]\nnet = {{ module = \"hosts\" }}\n\
             [deps.hosts]\nmodule = \"bailiwick:hostallow\"\n\
             grants = {{ net = \"net\", datagrams = \"datagrams\", names = \"names\", hosts = \"hosts\" }}\n",
            resolver.address
        ))
    };
    let listed = app("a.example,*.b.example");
    listed
        .run(&[
            "resolve",
            "a.example",
            "connect",
            "x.b.example",
            &port,
            "receive",
            "close",
            "connect",
            "a.example",
            &port,
            "read",
        ])
        .with(0)
        .prints("resolve 127.0.0.1 ok\nconnect ok\nreceive \"welcome\"\nclose ok\nconnect ok\nread \"welcome\"\n");
    listed
        .run(&["bind", "0.0.0.0", "0", "send-to", "a.example", &datagrams, "hello", "receive-from"])
        .with(0)
        .prints("bind ok\nsend-to 5\nreceive-from \"hello\" from 127.0.0.1\n");
    assert_eq!(hears.try_iter().collect::<Vec<_>>(), [b"hello"]);
    assert_eq!((resolver.asked(), greeter.reached()), (vec!["a.example".to_owned(), "x.b.example".to_owned()], 2));
    let refused = ["resolve", "5eed.evil.test", "connect", "5eed.evil.test", &port, "connect", "10.0.0.1", &port];
    let sends = ["bind", "0.0.0.0", "0", "send-to", "5eed.evil.test", &datagrams, "x", "send-to", "10.0.0.1", "9", "x"];
    listed.run(&[&refused[..], &sends].concat()).with(0).prints(
        "resolve notcapable\nconnect notcapable\nconnect notcapable\nbind ok\nsend-to notcapable\nsend-to notcapable\n",
    );
    assert_eq!((resolver.asked().len(), greeter.reached(), hears.try_iter().count()), (2, 2, 0));
    // The control: the same leaves, if it is passed on.
    app("*")
        .run(&["resolve", "5eed.evil.test", "connect", "5eed.evil.test", &port])
        .with(0)
        .prints("resolve 127.0.0.1 ok\nconnect ok\n");
    assert_eq!((resolver.asked().len(), greeter.reached()), (3, 3));
}

#[test]
fn nobody_waits_who_does_not_want_to() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let app = probe("net = { kind = \"tcp\", connect = [\"127.0.0.1:*\"], listen = [\"127.0.0.1:0\"] }");
    let text = port.to_string();
    app.run(&["connect-soon", "127.0.0.1", &text, "writable", "receive-now", "read", "nonblock", "recv", "net-poll", "1", "10", "poll", "1", "10", "send", "x"])
        .with(0)
        .prints("connect-soon ok\nwritable ok\nreceive-now again\nread again\nnonblock ok\nrecv again\nnet-poll ok: 0\npoll 0: 0\nsend 1\n");
    // A connection that nobody takes says so at the first use.
    drop(listener);
    app.run(&["connect-soon", "127.0.0.1", &text, "writable", "read"])
        .with(0)
        .prints("connect-soon ok\nwritable ok\nread connrefused\n");
    app.run(&["connect", "127.0.0.1", &text]).with(0).prints("connect connrefused\n");
    app.run(&["listeners", "accept-now", "net-poll", "1", "5"]).with(0).shows(&["accept-now again\nnet-poll ok: 0\n"]);
}

/// Several sockets and a clock: what comes first is told.
#[test]
fn polls_see_what_is_ready() {
    let greeter = Greeter::start();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (loud, quiet) = (greeter.port.to_string(), silent.local_addr().expect("an address").port().to_string());
    let app = probe("net = { kind = \"tcp\", connect = [\"127.0.0.1:*\"] }");
    let line = |way| {
        [
            "connect",
            "127.0.0.1",
            &quiet,
            "connect",
            "127.0.0.1",
            &loud,
            "connect",
            "127.0.0.1",
            &quiet,
            way,
            "1",
            "20",
            way,
            "3",
            "5000",
        ]
        .map(str::to_owned)
    };
    for (way, none, some) in [("poll", "0: 0", "1: 0 1 0"), ("net-poll", "ok: 0", "ok: 0 1 0")] {
        let line = line(way);
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        app.run(&line).with(0).prints(&format!("connect ok\nconnect ok\nconnect ok\n{way} {none}\n{way} {some}\n"));
    }
}

/// A wait ends when the application's time is over, and while nothing else does.
#[test]
fn waits_are_interrupted() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let deaf = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port().to_string();
    let app = probe(&format!(
        "net = {{ kind = \"tcp\", connect = [\"127.0.0.1:{port}\"], listen = [\"127.0.0.1:0\"] }}\n\
         names = {{ kind = \"dns\", allow = [\"*\"], servers = [\"{}\"] }}\n",
        deaf.local_addr().expect("an address")
    ));
    for words in [
        &["connect", "127.0.0.1", &port, "receive"][..],
        &["connect", "127.0.0.1", &port, "read"],
        &["resolve", "a.example"],
        &["listeners", "accept"],
    ] {
        let began = std::time::Instant::now();
        ended(app.command().args(["run", "--timeout", "300ms", "bailiwick.toml"]).args(words)).with(124);
        // A look-up that nobody ends waits four seconds. Emulated, on a busy machine, starting may take as long.
        let soon = std::time::Duration::from_secs(if cfg!(target_arch = "aarch64") { 30 } else { 3 });
        assert!(began.elapsed() < soon, "{words:?}");
    }
}

/// The example: a server that answers a client, neither of which may do what the other does.
#[test]
fn a_client_and_a_server_talk_http() {
    let app = App::web("");
    let server = app.read("server.toml").replace(":8080", ":0");
    app.file("bailiwick.toml", server);
    let mut running =
        app.command().args(["run", "bailiwick.toml", "2"]).stdout(Stdio::piped()).spawn().expect("a server");
    let mut said = BufReader::new(running.stdout.take().expect("its output"));
    let mut line = String::new();
    said.read_line(&mut line).expect("a line");
    let port = line.trim().rsplit(':').next().expect("a port").to_owned();

    let client = App::web(
        &fs::read_to_string(built().web.join("bailiwick.toml"))
            .expect("the example")
            .replace(":8080", &format!(":{port}")),
    );
    let url = format!("http://localhost:{port}/a/b");
    client.run(&[&url]).with(0).prints("hello, you asked for /a/b\n");
    client.run(&["http://127.0.0.2:1/", "http://other.example/"]).with(1).says(&[
        "connect to http://127.0.0.2:1/: Capabilities insufficient",
        "connect to http://other.example/: Capabilities insufficient",
    ]);
    let mut stream = TcpStream::connect(("127.0.0.1", port.parse::<u16>().expect("a port"))).expect("the server");
    stream.write_all(b"GET /c HTTP/1.1\r\n").expect("a request");
    stream.write_all(b"\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("you asked for /c\n"), "{answer}");
    assert!(running.wait().expect("its end").success());
}

/// Listening by preview 1 alone, and by the interface.
#[test]
fn who_is_granted_it_listens() {
    let app = probe("net = { kind = \"tcp\", listen = [\"127.0.0.1:0\"], connect = [\"127.0.0.1:*\"] }");
    app.run(&[
        "listen",
        "127.0.0.2",
        "0",
        "listen",
        "0.0.0.0",
        "0",
        "listen",
        "127.0.0.1",
        "80",
        "listen",
        "localhost",
        "0",
        "listen",
        "127.0.0.1",
        "0",
    ])
    .with(0)
    .prints("listen notcapable\nlisten notcapable\nlisten notcapable\nlisten inval\nlisten ok\n");
    let mut running = app
        .command()
        .args(["run", "bailiwick.toml", "listeners", "local", "sock-accept", "read", "send", "bye"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("a server");
    let mut said = BufReader::new(running.stdout.take().expect("its output"));
    let mut lines = [String::new(), String::new()];
    for line in &mut lines {
        said.read_line(line).expect("a line");
    }
    assert_eq!(lines[0], "listeners 3 ok\n");
    let port: u16 = lines[1].trim().rsplit(' ').next().expect("a port").parse().expect("a port");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server");
    stream.write_all(b"hello").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert_eq!(answer, "bye");
    assert!(running.wait().expect("its end").success());
}

#[test]
fn datagrams_go_where_they_may() {
    let echo = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = echo.local_addr().expect("an address").port();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        let mut buffer = [0; 1500];
        let stranger = UdpSocket::bind("127.0.0.1:0").expect("a port");
        while let Ok((len, from)) = echo.recv_from(&mut buffer) {
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = stranger.send_to(b"from a stranger", from);
            let _ = echo.send_to(&buffer[..len], from);
        }
    });
    let text = port.to_string();
    let app = probe(&format!("net = {{ kind = \"udp\", connect = [\"127.0.0.1:{port}\"], max_bytes = \"100B\" }}"));
    app.run(&[
        "bind",
        "0.0.0.0",
        "0",
        "send-to",
        "127.0.0.1",
        &text,
        "hello",
        "receive-from",
        "send-to",
        "127.0.0.1",
        "9",
        "x",
        "write",
        "x",
    ])
    .with(0)
    .shows(&["bind ok\nsend-to 5\nreceive-from \"hello\" from 127.0.0.1\nsend-to notcapable\nwrite "]);
    app.run(&["bind", "127.0.0.1", "80", "bind", "10.0.0.1", "0", "connect", "127.0.0.1", &text])
        .with(0)
        .prints("bind notcapable\nbind notcapable\nconnect notcapable\n");
    let reached = || {
        // What others sent waits in front of this.
        let own = UdpSocket::bind("127.0.0.1:0").expect("a port");
        own.send_to(b"", ("127.0.0.1", port)).expect("the server");
        own.recv(&mut [0; 100]).expect("an answer");
        count.fetch_sub(1, Ordering::SeqCst) - 1
    };
    assert_eq!(reached(), 1);
    // A server hears from anybody, and answers.
    let app = probe("net = { kind = \"udp\", listen = [\"127.0.0.1:0\"] }");
    app.run(&["bind", "127.0.0.1", "0", "receive-from-now", "send-to", "127.0.0.1", &text, "x"])
        .with(0)
        .prints("bind ok\nreceive-from-now again\nsend-to notcapable\n");
    assert_eq!(reached(), 1);
}

/// An application whose two libraries hold the same part of the network.
fn family(port: u16, left: &str) -> App {
    App::web(&format!(
        "[package]\nname = \"parent\"\nmodule = \"parent.wasm\"\n[host]\n\
         net = {{ kind = \"tcp\", connect = [\"127.0.0.1:{port}\"], max_connections = 2, max_bytes = \"100B\" }}\n\
         out = {{ kind = \"stdio\", stdout = \"inherit\", stderr = \"inherit\" }}\n\
         command = {{ kind = \"args\", command_line = true }}\n\
         [grants]\nnet = \"net\"\nout = \"out\"\ncommand = \"command\"\n\
         [deps.left]\nmodule = \"left.wasm\"\ngrants.net = {left}\non_fault = \"error\"\n\
         [deps.right]\nmodule = \"right.wasm\"\ngrants.net = \"net\"\non_fault = \"error\"\n"
    ))
}

/// What two children hold of one parent is spent once, and who dies leaves nothing open.
#[test]
fn two_children_share_what_their_parent_has() {
    let greeter = Greeter::start();
    let text = greeter.port.to_string();
    let app = family(greeter.port, "\"net\"");
    // 100 bytes for both; 19 is DQUOT, 33 MFILE.
    app.run(&[&text, "left", "60", "right", "60"]).with(0).prints("left 60\nright 40\n");
    app.run(&[&text, "left", "100", "right", "1"]).with(0).prints("left 100\nright -19\n");
    app.run(&[&text, "left", "0", "left", "0", "right", "0"]).with(0).prints("left 0\nleft 0\nright -33\n");
    // The death of one gives its connections back.
    app.run(&[&text, "left", "0", "left", "0", "left", "die", "right", "0", "left", "0"])
        .with(0)
        .prints("left 0\nleft 0\nleft is dead\nright 0\nleft is gone\n");
    assert_eq!(greeter.reached(), 9);
    // A child that is handed less has less; one that is handed more is refused.
    let app = family(greeter.port, "{ from = \"net\", max_bytes = \"10B\", max_connections = 1 }");
    app.run(&[&text, "left", "60", "left", "0", "right", "60"]).with(0).prints("left 10\nleft -33\nright 60\n");
    let app = family(greeter.port, "{ from = \"net\", connect = [\"127.0.0.1:*\"] }");
    app.bailiwick(&["check"]).with(3).shows(&["left", "connect: 127.0.0.1:* is more than"]);
}

/// What a person reads of it.
/// A pattern of names is of no use to who may look none of them up; a grant of names is of use to who connects by them.
#[test]
fn patterns_of_names_want_a_grant_of_names() {
    let tcp = |hosts: &str| format!("net = {{ kind = \"tcp\", connect = [{hosts}] }}\n");
    let dns = |names: &str| format!("names = {{ kind = \"dns\", allow = [{names}] }}\n");
    let check = |host: &str| probe(host).bailiwick(&["check"]).with(0);
    for (hosts, left) in [("\"*.example.org:443\"", "nothing"), ("\"a.org:1\", \"*:443\"", "addresses only")] {
        for names in [String::new(), dns(if left == "nothing" { "\"example.org\"" } else { "" })] {
            let said = format!("it reaches {left}, because a name that a pattern means is looked up");
            check(&format!("{}{names}", tcp(hosts))).shows(&["W-NO-NAMES probe: slot net: of *", &said]);
        }
    }
    for (hosts, names) in [
        ("\"*.example.org:443\"", "\"a.example.org\""),
        ("\"*.a.example.org:443\"", "\"*.example.org\""),
        ("\"*:443\"", "\"*\""),
    ] {
        check(&format!("{}{}", tcp(hosts), dns(names))).without("W-NO-NAMES").without("W-UNUSED-GRANT");
    }
    check(&tcp("\"a.example.org:443\", \"10.0.0.0/8:443\"")).without("W-NO-NAMES");
}

#[test]
fn explain_says_where_it_may_connect() {
    let app = App::web(&fs::read_to_string(built().web.join("bailiwick.toml")).expect("the example"));
    app.bailiwick(&["explain"]).with(0).shows(&[
        "may connect by tcp to localhost:8080, example.org:80; never to addresses of the machine itself",
        "at most 4 at once and 16.0 MiB in all",
    ]);
    app.bailiwick(&["why", "client", "tcp"]).with(0).shows(&["Used:", "bailiwick:virt/net.connect"]);
}
