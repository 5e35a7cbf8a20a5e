"""What goes wrong while sessions work: one function a fault, which begins it, lets some time pass, and heals it.

A fault gets a Scene. Time under a fault is counted in what the sessions do:
scene.let_them_work() returns when they have tried so many operations, or, when
nothing gets through, after a second and a half. heal() waits until all nodes
run and stream and the router knows it, so that faults do not add up.
"""

import contextlib
import threading

from programs import wait_until


class Scene:
    """The cluster, its router and proxies, and how much the sessions have tried (progress())."""

    def __init__(self, cluster, router, proxy, dbname, random, progress):
        self.cluster = cluster
        self.confirming = cluster.primary.value("SHOW synchronous_standby_names")
        self.router = router
        self.proxy = proxy
        self.dbname = dbname
        self.random = random
        self.progress = progress
        self.stop = threading.Event()
        self.rebuilt = 0        # old primaries that pg_rewind could not bring back

    def replica(self):
        return self.random.choice(self.cluster.replicas)

    def node(self):
        return self.random.choice(self.cluster.nodes)

    def let_them_work(self, operations=150, at_most=1.5):
        goal = self.progress() + operations
        waited = threading.Event()
        for _ in range(int(at_most / 0.02)):
            if self.progress() >= goal or self.stop.is_set():
                return
            waited.wait(0.02)

    def wait_for_standbys(self, names):
        """From now on the primary does."""
        primary = self.cluster.primary
        primary.configure(synchronous_standby_names=names).reload()
        wait_until(lambda: primary.value("SHOW synchronous_standby_names") == names, what="the primary to wait for " + names)

    def heal(self):
        for node in self.cluster.nodes:
            self.proxy.set(node.name)
            if node.is_running():
                node.sigcont()
            else:
                node.start()
        if not self.router.is_running():
            self.router.start()
        self.router.sigcont()
        for node in self.cluster.replicas:
            if node.value("SELECT pg_is_wal_replay_paused()"):
                node.resume_replay()
        self.cluster.wait_streaming()
        wait_until(lambda: [row["role"] for row in self.router.show("NODES") if row["state"] == "usable"].count("replica")
                   == len(self.cluster.replicas), what="all nodes to be usable")
        wait_until(lambda: self.router.show("NODES")[self.index_of(self.cluster.primary)]["role"] == "primary",
                   what="the primary to be known")

    def index_of(self, node):
        names = [row["node"] for row in self.router.show("NODES")]
        return names.index(node.name)


def replay_paused(scene):
    replica = scene.replica()
    replica.pause_replay()
    scene.let_them_work()
    replica.resume_replay()


def all_replay_paused(scene):
    scene.cluster.pause_replay()
    scene.let_them_work()
    scene.cluster.resume_replay()


def replay_delayed(scene):
    replica = scene.replica()
    replica.configure(recovery_min_apply_delay="200ms").reload()
    scene.let_them_work(300)
    replica.configure(recovery_min_apply_delay="0").reload()


def replay_conflict(scene):
    """A long query on a replica holds up replay, and is cancelled in the end, or ends first."""
    replica = scene.replica()
    with contextlib.closing(replica.connect(scene.dbname, autocommit=False)) as connection:
        connection.cursor().execute("SELECT count(*) FROM aside")
        scene.cluster.primary.query("TRUNCATE aside", dbname=scene.dbname)
        scene.let_them_work()


def replica_killed(scene):
    replica = scene.replica()
    replica.kill9()
    scene.let_them_work(50)
    replica.start()


def replica_frozen(scene):
    replica = scene.replica()
    replica.sigstop()
    scene.let_them_work()
    replica.sigcont()


def standbys_frozen(scene):
    """Synchronous commits wait: nobody may be told of them, and no replica can have them."""
    for replica in scene.cluster.replicas:
        replica.sigstop()
    scene.let_them_work()
    for replica in scene.cluster.replicas:
        replica.sigcont()


def one_standby_frozen(scene):
    """The one that commits wait for: the other replica shows them, and the primary hides them."""
    frozen = scene.replica()
    scene.wait_for_standbys(frozen.name)
    frozen.sigstop()
    scene.let_them_work(1000)
    frozen.sigcont()
    scene.wait_for_standbys(scene.confirming)


def primary_frozen(scene):
    scene.cluster.primary.sigstop()
    scene.let_them_work()
    scene.cluster.primary.sigcont()


def primary_killed(scene):
    scene.cluster.primary.kill9()
    scene.let_them_work(50)
    scene.cluster.primary.start()


def router_killed(scene):
    scene.router.kill9()
    scene.router.start()


def router_frozen(scene):
    scene.router.sigstop()
    scene.let_them_work(10, 0.5)
    scene.router.sigcont()


def way_slow(scene):
    scene.proxy.set(scene.node().name, delay=0.01 + 0.03 * scene.random.random())
    scene.let_them_work()


def way_cut(scene):
    """Connections end in the middle of messages."""
    for _ in range(3):
        scene.proxy.set(scene.node().name, cut_after=scene.random.randrange(1, 3000))
        scene.let_them_work(100, 0.5)


def way_silent(scene):
    scene.proxy.set(scene.node().name, silent=True)
    scene.let_them_work()


def primary_promoted(scene):
    """The primary dies, the replica that has most takes over, the old one comes back by pg_rewind."""
    fail_over(scene, frozen=False)


def primary_thawed(scene):
    """The primary freezes, another takes over, and the old one goes on as if nothing had been."""
    fail_over(scene, frozen=True)


def fail_over(scene, frozen):
    old = scene.cluster.primary
    if frozen:
        old.sigstop()
    else:
        old.kill9()
    scene.let_them_work(30, 0.5)
    scene.cluster.promote(most_advanced(scene.cluster))
    if frozen:
        old.sigcont()
    else:
        old.start()             # alone on its timeline, with nobody to confirm its commits
    scene.let_them_work()
    old.stop("immediate")
    scene.rebuilt += not old.rewind_to(scene.cluster.primary)


def most_advanced(cluster):
    """With one of two standbys confirming each commit, this one has all that was acknowledged."""
    received = {node.name: node.value("SELECT pg_last_wal_receive_lsn() - '0/0'") for node in cluster.replicas}
    return max(cluster.replicas, key=lambda node: received[node.name])


# In this order again and again; the long ones last, so that a short run has had all the others.
FAULTS = [replay_paused, all_replay_paused, replica_killed, way_slow, primary_frozen, replica_frozen, router_killed,
          replay_delayed, way_cut, standbys_frozen, one_standby_frozen, primary_killed, replay_conflict, way_silent, router_frozen,
          primary_promoted, primary_thawed]
