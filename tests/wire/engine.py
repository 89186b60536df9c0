"""A PostgreSQL of a test's own. Where none is installed, what needs it skips, with a line."""
import glob
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

PROGRAMS = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
MISSING = "no PostgreSQL: apt install postgresql"


class Postgres:
    """One of its own, on a socket in a folder; as its own user, as it will not run as root."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mw-pg-", dir="/tmp"))
        self.user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        self.run("initdb", "-D", self.folder / "db", "-A", "trust", "-U", "mw", "--no-sync",
                 "-E", "UTF8", "--locale=C.UTF-8")
        self.start()

    def run(self, program, *arguments):
        who = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}
        subprocess.run([f"{PROGRAMS[-1]}/{program}", *map(str, arguments)], check=True, cwd="/",
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=60, **(who if self.user else {}))

    def start(self):
        self.run("pg_ctl", "-D", self.folder / "db", "-w", "-l", self.folder / "log", "start", "-o",
                 f"-k {self.folder} -c listen_addresses='' -c fsync=off -c max_connections=40")

    def end(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self):
        """The postmaster and all its children end at once, as by kill -9."""
        self.run("pg_ctl", "-D", self.folder / "db", "-w", "-m", "immediate", "stop")

    def make(self, name):
        self.sql("postgres", f"CREATE DATABASE {name}")
        return f"postgresql://mw@/{name}?host={self.folder}"

    def sql(self, database, text):
        return subprocess.run([f"{PROGRAMS[-1]}/psql", "-h", self.folder, "-U", "mw", "-qtAc", text,
                               database], check=True, capture_output=True, text=True,
                              timeout=20).stdout.strip()
