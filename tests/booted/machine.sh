# shellcheck shell=bash
# A Debian that boots, reboots, and lets its user log in: a container, which holds everything that is written in memory.
#
# To be sourced, and booted in namespaces of its own for mounts and processes, with which it ends. The variable `debian` names the
# files that it boots, `uid` the number of its user, and `place` an empty folder.
: "${debian:?}" "${uid:?}" "${place:?}"

# Time is only there so that what is broken ends.
bound=120

# until_it COMMAND…: waits for what gives no event of its own.
until_it() {
  local end=$((SECONDS + bound))
  until "$@"; do
    [[ $SECONDS -lt $end ]] || fail "waited $bound s in vain for: $*"
    sleep 0.05
  done
}

fail() {
  printf 'FAILED: %s\n' "$1" >&2
  exit 1
}

# furnish: lays memory over the files of the Debian.
furnish() {
  mount -t tmpfs -o mode=0700 tmpfs "$place"
  mkdir "$place"/{lower,upper,work,root,debs}
  mount --bind "$debian" "$place/lower"
  # By names that hold nothing which a mount would take for its own.
  (cd "$place" && mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work root)
  # A server of SSH would listen on this machine's own port, and the clocks of apt would ask its mirror.
  ln -s /dev/null "$place/root/etc/systemd/system/ssh.service"
  ln -s /dev/null "$place/root/etc/systemd/system/apt-daily.timer"
  ln -s /dev/null "$place/root/etc/systemd/system/apt-daily-upgrade.timer"
}

# boot: to a system that is up. The network is this machine's, so that its loopback is, too. What a daemon defends itself by is
# let through, which a container is kept from.
boot() {
  enclosed systemd-nspawn --quiet --directory="$place/root" --register=no --keep-unit --console=pipe --link-journal=no \
    --bind-ro="$place/debs:/debs" --boot \
    --system-call-filter='@keyring @memlock landlock_create_ruleset landlock_add_rule landlock_restrict_self' >>"$place/console" 2>&1 &
  container=$!
  until_it has_init
  ln -sfn "/proc/$init/root/run/login.sock" "$place/login.sock"
  until_it root systemctl is-active --quiet dbus.service 2>/dev/null
  local state
  state=$(root systemctl is-system-running --wait || true)
  [[ $state == running ]] || fail "the machine is $state: $(root systemctl --failed --no-legend)"
}

# has_init: finds the container's process 1 among the children of nspawn, which has others before.
has_init() {
  local child
  kill -0 "$container" 2>/dev/null || fail 'the machine ended while it booted'
  for child in $(<"/proc/$container/task/$container/children"); do
    [[ $(cat "/proc/$child/comm" 2>/dev/null) != systemd ]] || { init=$child; return; }
  done
  return 1
}

# reboot: ends all of it but what lies on its disk. The kernel is this machine's and goes on, so what a kernel would have
# forgotten is forgotten here.
reboot() {
  local code=0
  # The machine may end before the command does.
  root systemctl reboot || true
  wait "$container" || code=$?
  [[ $code -eq 133 ]] || fail "no reboot: nspawn ended with $code"
  forget_keys
  boot
}

# nothing_stays: of a machine that has ended, or is about to, with its namespace of processes.
nothing_stays() {
  local group
  while read -r group; do until_it dissolved "$group"; done < <(groups_of_its_own)
  forget_keys
}

# dissolved GROUP: the kernel lets go of what has ended when it pleases.
dissolved() {
  [[ ! -d $1 ]] || find "$1" -depth -type d -exec rmdir {} + 2>/dev/null
}

# enclosed COMMAND…: becomes it in control groups of its own, which no other machine uses.
enclosed() {
  local group
  while read -r group; do
    mkdir -p "$group"
    echo "$BASHPID" >"$group/cgroup.procs"
  done < <(groups_of_its_own)
  exec "$@"
}

# groups_of_its_own: in the hierarchies that systemd uses, beneath those of this shell.
groups_of_its_own() {
  local mounted
  mounted=$(findmnt --noheadings --first-only --types cgroup2 --output TARGET) &&
    printf '%s%s/dt-cred-system-%s\n' "$mounted" "$(sed -n 's/^0:://p' /proc/$$/cgroup)" "$uid"
  mounted=$(findmnt --noheadings --first-only --types cgroup --options name=systemd --output TARGET) &&
    printf '%s%s/dt-cred-system-%s\n' "$mounted" "$(sed -n 's/^[0-9]*:name=systemd://p' /proc/$$/cgroup)" "$uid"
  true
}

# root COMMAND…: what an administrator runs in it.
root() {
  nsenter --all --target "$init" env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# admit: makes the user `you`, whose systemd runs without a login, and lets them log in by SSH, over a Unix socket, as the
# loopback is this machine's.
admit() {
  ssh-keygen -q -t ed25519 -N '' -f "$place/key"
  root useradd --create-home --uid "$uid" --key UID_MAX="$uid" --shell /bin/bash you
  root install -d -o you -g you -m 0700 /home/you/.ssh
  root install -o you -g you -m 0600 /dev/stdin /home/you/.ssh/authorized_keys <"$place/key.pub"
  root tee /etc/systemd/system/login.socket >/dev/null <<'UNIT'
[Socket]
ListenStream=/run/login.sock
SocketMode=0600
Accept=yes

[Install]
WantedBy=sockets.target
UNIT
  root tee /etc/systemd/system/login@.service >/dev/null <<'UNIT'
[Service]
ExecStart=-/usr/sbin/sshd -i -o PrintLastLog=no
StandardInput=socket
KillMode=process
RuntimeDirectory=sshd
RuntimeDirectoryPreserve=yes
UNIT
  root systemctl enable --quiet --now login.socket
  root loginctl enable-linger you
  cat >"$place/ssh" <<CONFIG
Host box
User you
IdentityFile $place/key
UserKnownHostsFile $place/known_hosts
HostKeyAlias box
ProxyUseFdpass yes
ProxyCommand python3 $place/connect.py
LogLevel ERROR
CONFIG
  printf 'box %s\n' "$(<"$place/root/etc/ssh/ssh_host_ed25519_key.pub")" >"$place/known_hosts"
  # ssh takes the connected socket itself. A socket's path may not be long.
  cat >"$place/connect.py" <<PROGRAM
import os, socket
os.chdir("$place")
box = socket.socket(socket.AF_UNIX)
box.connect("login.sock")
socket.send_fds(socket.socket(fileno=1), [b"\0"], [box.fileno()])
PROGRAM
}

# you SCRIPT: what the user types, in a login of its own. The client may start no daemon: what serves, systemd has started.
you() {
  ssh -F "$place/ssh" box "set -o pipefail; export DT_CRED_NO_START=1; $1"
}

# you_type SCRIPT PROMPT KEYS…: the same at a terminal, where each line is typed once its prompt stands there. What the terminal
# showed is in $place/terminal.
you_type() {
  local script=$1 login keys
  shift
  rm -f "$place/keys"
  mkfifo "$place/keys"
  ssh -tt -F "$place/ssh" box "export DT_CRED_NO_START=1; $script" <"$place/keys" >"$place/terminal" &
  login=$!
  exec {keys}>"$place/keys"
  while [[ $# -gt 0 ]]; do
    until_it grep --quiet --fixed-strings "$1" "$place/terminal"
    printf '%s\n' "$2" >&"$keys"
    shift 2
  done
  wait "$login"
  exec {keys}>&-
}

# keys: what the kernel keeps for the user.
keys() {
  # shellcheck disable=SC2016 # for the shell that is the user
  as_user keyctl session - sh -c 'keyctl list "$(keyctl get_persistent @s)"' 2>/dev/null
}

# as_user COMMAND…: by the number alone, on this side.
as_user() {
  setpriv --reuid "$uid" --regid "$uid" --clear-groups "$@"
}

# forget_keys: the kernel's keyrings are not the machine's own. By their numbers: by its name one would be made again.
forget_keys() {
  # shellcheck disable=SC2016 # for the shell that is the user
  as_user keyctl session - sh -c '
    for key in $(sed -n "s,^\([0-9a-f]*\) .* keyring *_uid.*,0x\1,p" /proc/keys); do keyctl invalidate "$key"; done
    keys=$(keyctl get_persistent @s) && keyctl clear "$keys" && keyctl invalidate "$keys"' >/dev/null 2>&1 || true
}
