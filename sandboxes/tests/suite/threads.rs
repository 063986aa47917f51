//! Threads of programs, which run one after another in a fixed order.

use crate::common::{program, sandbox};
use sandboxes::Ending;

const IMPORTS: &str = "import asyncio, queue, sys, threading, time\nfrom concurrent.futures import ThreadPoolExecutor, as_completed, wait\n";

/// Runs a program, which finishes and prints this.
async fn check(source: &str, stdout: &str) {
    let outcome = sandbox().run(program(&format!("{IMPORTS}{source}"), "")).await.unwrap();
    assert_eq!((outcome.ending, outcome.stdout.as_str()), (Ending::Finished, stdout), "{source}\n{}", outcome.stderr);
}

#[tokio::test]
async fn threads_run_when_they_are_waited_for() {
    for (source, stdout) in [
        (
            "r = []\nts = [threading.Thread(target=r.append, args=(i,)) for i in range(3)]\n[t.start() for t in ts]\n[t.join() for t in ts]\nprint(r, ts[0].is_alive())",
            "[0, 1, 2] False\n",
        ),
        (
            "t = threading.Thread(target=lambda: print(threading.current_thread().name), name='worker')\nt.start()\nt.join()\nprint(threading.current_thread() is threading.main_thread())",
            "worker\nTrue\n",
        ),
        (
            "sys.setrecursionlimit(1 << 20)\nthreading.stack_size(1 << 26)\ndef depth(n): return 0 if n == 0 else 1 + depth(n - 1)\nt = threading.Thread(target=lambda: print(depth(50_000)))\nt.start()\nt.join()",
            "50000\n",
        ),
        (
            "n = 0\nlock = threading.Lock()\ndef add():\n    global n\n    for _ in range(100):\n        with lock: n += 1\nts = [threading.Thread(target=add) for _ in range(4)]\n[t.start() for t in ts]\n[t.join() for t in ts]\nprint(n)",
            "400\n",
        ),
        ("t = threading.Thread(target=lambda: 1 / 0)\nt.start()\nt.join()\nprint('goes on')", "goes on\n"),
        (
            "class T(threading.Thread):\n    def run(self): self.result = 7\nt = T()\nt.start()\nt.join()\nprint(t.result)",
            "7\n",
        ),
        (
            "t = threading.Timer(60, print, ['timer'])\nt.start()\nt.join()\nt = threading.Timer(60, print, ['never'])\nt.start()\nt.cancel()\nt.join()",
            "timer\n",
        ),
        ("done = []\nthreading.Thread(target=done.append, args=(1,)).start()\ntime.sleep(1)\nprint(done)", "[1]\n"),
        ("t = threading.Thread(target=print, args=('x',))\nt.start()\nwhile t.is_alive(): pass\nprint('y')", "x\ny\n"),
        (
            "local = threading.local()\nlocal.x = 1\nt = threading.Thread(target=lambda: print(hasattr(local, 'x')))\nt.start()\nt.join()\nprint(local.x)",
            "False\n1\n",
        ),
        ("import _thread\n_thread.start_new_thread(print, ('raw',))\ntime.sleep(0.1)", "raw\n"),
        (
            "t = threading.Thread(target=print)\nt.start()\ntry: t.start()\nexcept RuntimeError as error: print(error)\nt.join()",
            "threads can only be started once\n\n",
        ),
        (
            "r = threading.RLock()\nwith r:\n    with r: print('again')\nprint(threading.Lock().acquire(timeout=0))",
            "again\nTrue\n",
        ),
        (
            "l = threading.Lock()\nl.acquire()\nprint(l.acquire(False), l.acquire(timeout=5), l.locked())",
            "False False True\n",
        ),
    ] {
        check(source, stdout).await;
    }
}

#[tokio::test]
async fn who_waits_lets_others_run() {
    for (source, stdout) in [
        // A consumer that starts before its producer.
        (
            "q = queue.Queue()\ndef eat():\n    while (x := q.get()) is not None: print(x)\nt = threading.Thread(target=eat)\nt.start()\nfor i in range(3): q.put(i)\nq.put(None)\nt.join()",
            "0\n1\n2\n",
        ),
        // A bounded queue between two threads.
        (
            "q, out = queue.Queue(2), []\ndef make():\n    for i in range(6): q.put(i)\n    q.put(None)\ndef eat():\n    while (x := q.get()) is not None: out.append(x)\na, b = threading.Thread(target=make), threading.Thread(target=eat)\na.start(); b.start(); a.join(); b.join()\nprint(out)",
            "[0, 1, 2, 3, 4, 5]\n",
        ),
        // Workers that never end, and then do.
        (
            "q, out = queue.Queue(), []\ndef work():\n    while True:\n        item = q.get()\n        if item is None: break\n        out.append(item)\n        q.task_done()\nts = [threading.Thread(target=work) for _ in range(3)]\n[t.start() for t in ts]\nfor i in range(5): q.put(i)\nq.join()\nprint(out)\nfor _ in ts: q.put(None)\nfor t in ts: t.join()\nprint('end')",
            "[0, 1, 2, 3, 4]\nend\n",
        ),
        (
            "q = queue.Queue()\ndef work():\n    while True:\n        print(q.get())\n        q.task_done()\nthreading.Thread(target=work, daemon=True).start()\nfor i in range(2): q.put(i)\nq.join()\nfor i in range(2): q.put(i)\nq.join()\nprint('end')",
            "0\n1\n0\n1\nend\n",
        ),
        (
            "q = queue.SimpleQueue()\nt = threading.Thread(target=lambda: print(q.get()))\nt.start()\nq.put(1)\nt.join()",
            "1\n",
        ),
        (
            "a, b = threading.Event(), threading.Event()\nts = [threading.Thread(target=f) for f in (lambda: (b.wait(), print(3)), lambda: (a.wait(), print(2), b.set()), lambda: (print(1), a.set()))]\n[t.start() for t in ts]\n[t.join() for t in ts]",
            "1\n2\n3\n",
        ),
        (
            "c, items = threading.Condition(), []\ndef eat():\n    with c:\n        c.wait_for(lambda: items)\n        print(items.pop())\nt = threading.Thread(target=eat)\nt.start()\ntime.sleep(0.1)\nwith c:\n    items.append(1)\n    c.notify()\nt.join()",
            "1\n",
        ),
        (
            "b, out = threading.Barrier(3), []\ndef f(i):\n    out.append(i); b.wait(); out.append(i)\nts = [threading.Thread(target=f, args=(i,)) for i in range(3)]\n[t.start() for t in ts]\n[t.join() for t in ts]\nprint(out[:3], sorted(out[3:]))",
            "[0, 1, 2] [0, 1, 2]\n",
        ),
        (
            "s, out = threading.Semaphore(2), []\ndef f(i):\n    with s: out.append(i)\nts = [threading.Thread(target=f, args=(i,)) for i in range(4)]\n[t.start() for t in ts]\n[t.join() for t in ts]\nprint(out)",
            "[0, 1, 2, 3]\n",
        ),
        ("q = queue.Queue()\ntry: q.get(timeout=3)\nexcept queue.Empty: print('empty')", "empty\n"),
        (
            "stop = threading.Event()\nt = threading.Thread(target=lambda: [stop.wait(1) for _ in iter(stop.is_set, True)], daemon=True)\nt.start()\ntime.sleep(3.5)\nstop.set()\nt.join()\nprint(t.is_alive())",
            "False\n",
        ),
    ] {
        check(source, stdout).await;
    }
}

#[tokio::test]
async fn pools_and_event_loops_run_their_calls_in_order() {
    for (source, stdout) in [
        ("with ThreadPoolExecutor(4) as pool: print(list(pool.map(lambda x: x * x, range(5))))", "[0, 1, 4, 9, 16]\n"),
        (
            "with ThreadPoolExecutor() as pool:\n    fs = {pool.submit(pow, i, 2): i for i in range(4)}\n    print(sorted((fs[f], f.result()) for f in as_completed(fs)))\n    print(len(wait(fs).done))",
            "[(0, 0), (1, 1), (2, 4), (3, 9)]\n4\n",
        ),
        (
            "pool = ThreadPoolExecutor(1)\nf = pool.submit(lambda: 1 / 0)\nprint(repr(f.exception()), f.done())\npool.shutdown()\ntry: pool.submit(print)\nexcept RuntimeError as error: print(error)",
            "ZeroDivisionError('division by zero') True\ncannot schedule new futures after shutdown\n",
        ),
        (
            "def start(x): print('start', x)\nwith ThreadPoolExecutor(1, initializer=start, initargs=(1,)) as pool: print(pool.submit(sum, [1, 2]).result(timeout=5), pool.submit(max, 1, 2).result())",
            "start 1\n3 2\n",
        ),
        (
            "f = ThreadPoolExecutor().submit(int, '7')\nf.add_done_callback(lambda f: print('done', f.result()))\nf.result()",
            "done 7\n",
        ),
        (
            "async def main():\n    return await asyncio.gather(*[asyncio.to_thread(lambda i=i: i * 2) for i in range(3)], asyncio.sleep(1, 's'))\nprint(asyncio.run(main()))",
            "[0, 2, 4, 's']\n",
        ),
        (
            "async def main():\n    loop = asyncio.get_running_loop()\n    with ThreadPoolExecutor(2) as pool:\n        return await loop.run_in_executor(pool, max, 1, 5), await loop.run_in_executor(None, min, 1, 5)\nprint(asyncio.run(main()))",
            "(5, 1)\n",
        ),
        (
            "from multiprocessing.pool import ThreadPool\nfrom multiprocessing.dummy import Pool\nwith ThreadPool(2) as pool: print(pool.map(abs, [-1, 2]), list(pool.imap(abs, [-3])), pool.apply_async(int, ('4',)).get(5))\nprint(Pool(2).starmap(pow, [(2, 3)]))",
            "[1, 2] [3] 4\n[8]\n",
        ),
    ] {
        check(source, stdout).await;
    }
}

/// Only one of the threads that have begun can go on: that of threads which take turns is beyond it, and said.
#[tokio::test]
async fn threads_that_cannot_go_on_are_an_error_and_never_a_wrong_answer() {
    for source in [
        "l = threading.Lock()\nl.acquire()\nl.acquire()",
        "queue.Queue().get()",
        "a, b = threading.Lock(), threading.Lock()\nb.acquire()\ndef foo():\n    for _ in range(3):\n        a.acquire(); print('foo'); b.release()\ndef bar():\n    for _ in range(3):\n        b.acquire(); print('bar'); a.release()\nx, y = threading.Thread(target=foo), threading.Thread(target=bar)\nx.start(); y.start(); x.join(); y.join()",
    ] {
        let outcome = sandbox().run(program(&format!("{IMPORTS}{source}"), "")).await.unwrap();
        assert_eq!(outcome.ending, Ending::Raised, "{source}\n{outcome:?}");
        assert!(
            outcome.stderr.contains("threads of the sandbox run one after another"),
            "{source}\n{}",
            outcome.stderr
        );
    }
}

#[tokio::test]
async fn threads_run_in_the_same_order_every_time() {
    let source = format!(
        "{IMPORTS}import random\nout = []\ndef f(i):\n    time.sleep(random.random())\n    out.append(i)\nts = [threading.Thread(target=f, args=(i,)) for i in range(20)]\n[t.start() for t in ts]\n[t.join() for t in ts]\nprint(out)"
    );
    let first = sandbox().run(program(&source, "")).await.unwrap();
    let second = sandbox().run(program(&source, "")).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(first.ending, Ending::Finished);
}
