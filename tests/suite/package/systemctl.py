#!/usr/bin/python3
"""Stands in for systemctl and journalctl where systemd does not run: does what the unit of atmd says.

It starts ExecStart as the unit's user, with its folder, credentials and umask, and waits for READY=1; stops by SIGTERM;
reloads by ExecReload and waits for READY=1 again. What systemd bounds beside that (sandbox, restarts) is not done here.
"""
import glob, os, pwd, shutil, signal, socket, subprocess, sys, time

UNIT = "/lib/systemd/system/atmd.service"
DROP_INS = "/etc/systemd/system/atmd.service.d/*.conf"
NOTIFY, STATES, OUTPUT, PID = "/run/atmd.notify", "/run/atmd.states", "/run/atmd.output", "/run/atmd.pid"
CREDENTIALS = "/run/credentials/atmd.service"
PATIENCE_S = 60


def unit():
    settings = {}
    for path in [UNIT, *sorted(glob.glob(DROP_INS))]:
        for line in open(path):
            key, equals, value = line.strip().partition("=")
            if equals and not key.startswith("#"):
                settings.setdefault(key, []).append(value)
    return settings


def put(path, text):
    """Writes a file at once, so that nobody reads half of it."""
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


def read(path):
    return open(path).read() if os.path.exists(path) else ""


def pid():
    text = read(PID)
    return int(text) if text.isdigit() else None


def times_ready():
    return read(STATES).count("READY=1")


def until(condition, what):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"atmd did not {what}: {read(OUTPUT)}")
        time.sleep(0.02)


def last(settings, key, default=None):
    return settings.get(key, [default])[-1]


def start():
    if pid():
        return
    settings = unit()
    user = pwd.getpwnam(last(settings, "User"))
    state = "/var/lib/" + last(settings, "StateDirectory")
    os.makedirs(state, exist_ok=True)
    os.chown(state, user.pw_uid, user.pw_gid)
    os.chmod(state, int(last(settings, "StateDirectoryMode", "0755"), 8))
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "NOTIFY_SOCKET": NOTIFY}
    shutil.rmtree(CREDENTIALS, ignore_errors=True)
    for credential in settings.get("LoadCredential", []):
        name, _, path = credential.partition(":")
        os.makedirs(CREDENTIALS, exist_ok=True)
        os.chown(CREDENTIALS, user.pw_uid, user.pw_gid)
        copy = shutil.copyfile(path, f"{CREDENTIALS}/{name}")
        os.chown(copy, user.pw_uid, user.pw_gid)
        os.chmod(copy, 0o400)
        environment["CREDENTIALS_DIRECTORY"] = CREDENTIALS
    open(STATES, "w").close()
    put(PID, "starting")
    if os.fork() == 0:
        supervise(settings, user, environment)
    until(lambda: times_ready() or read(PID) == "", "start")
    if not times_ready():
        sys.exit(f"atmd ended: {read(OUTPUT)}")


def supervise(settings, user, environment):
    """Keeps what atmd says, until it ends. In a process of its own."""
    os.setsid()
    if os.path.exists(NOTIFY):
        os.unlink(NOTIFY)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(NOTIFY)
    os.chmod(NOTIFY, 0o777)
    output = open(OUTPUT, "a")
    command = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--no-new-privs",
               "--inh-caps=-all", "sh", "-c", f"umask {last(settings, 'UMask', '0022')}; exec {last(settings, 'ExecStart')}"]
    daemon = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/")
    put(PID, str(daemon.pid))
    for stream in (0, 1, 2):
        os.dup2(os.open(os.devnull, os.O_RDWR), stream)
    listener.settimeout(0.1)
    while daemon.poll() is None:
        try:
            message = listener.recv(4096)
        except TimeoutError:
            continue
        with open(STATES, "a") as states:
            states.write(message.decode() + "\n")
    put(PID, "")
    os._exit(0)


def stop(how=signal.SIGTERM):
    if running := pid():
        os.kill(running, how)
        until(lambda: not pid(), "stop")


def reload():
    running, before = pid(), times_ready()
    if not running:
        sys.exit("atmd.service is not active, cannot reload.")
    command = last(unit(), "ExecReload", "/bin/kill -HUP $MAINPID")
    subprocess.run(["sh", "-c", command.replace("$MAINPID", str(running))], check=True)
    until(lambda: times_ready() > before, "reload")


def main():
    words = [word for word in sys.argv[1:] if word not in ("atmd", "atmd.service", "--now")]
    if os.path.basename(sys.argv[0]) == "journalctl":
        count = int(words[words.index("-n") + 1]) if "-n" in words else 1000
        print("".join(read(OUTPUT).splitlines(True)[-count:]), end="")
        return
    match words:
        case ["start"] | ["enable"]:
            start()
        case ["stop"]:
            stop()
        case ["kill", *_]:
            stop(signal.SIGKILL)
        case ["restart"]:
            stop()
            start()
        case ["reload"]:
            reload()
        case ["reload-or-restart"]:
            if "ExecReload" in unit() and pid():
                reload()
            else:
                stop()
                start()
        case ["daemon-reload"]:
            pass
        case ["is-active"]:
            print("active" if pid() else "inactive")
            sys.exit(0 if pid() else 3)
        case _:
            sys.exit(f"no stand-in for: systemctl {' '.join(sys.argv[1:])}")


main()
