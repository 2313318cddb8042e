# shellcheck shell=bash
# What is proved of a booted machine, in this order. To be sourced by tests/booted/run: nothing but steps is defined here.
# shellcheck disable=SC2016 # what stands in single quotes is for the user's shell
: "${place:?}" "${reports:?}" "${uid:?}" "${account:?}" "${url:?}" "${id:?}" "${secret:?}" "${CURL:?}" "${SOCKET:?}" "${DROP_INS:?}" "${MEND:?}"
: "${UPGRADED:?}" "${OF_DT_CRED:?}"

the_package_is_installed_and_nothing_is_started_for_anybody() {
  files >"$place/files"
  packages install /debs/first.deb
  nobody_runs
  prints $'WantedBy=\nActiveState=inactive' you 'systemctl --user daemon-reload && systemctl --user show --property=WantedBy,ActiveState dt-cred.socket'
}

systemd_finds_no_fault_in_the_units() {
  silent you 'systemd-analyze --user --man=no verify /usr/lib/systemd/user/dt-cred.*'
  you 'systemd-analyze --user --no-pager security dt-cred.service' >"$reports/security"
  tail -n 1 "$reports/security"
}

the_user_enables_the_socket_and_no_daemon_runs_yet() {
  silent you 'systemctl --user enable --quiet --now dt-cred.socket'
  prints $'drwx------ you\nsrw------- you' you 'stat -c "%A %U" "$XDG_RUNTIME_DIR"/dt-cred{,/agent.sock}'
  nobody_runs
}

a_login_at_a_terminal_starts_the_daemon_through_the_socket_and_proves_the_credentials() {
  you_type "dt-cred login --keyring keyutils --url $url" 'Client id: ' "$id" 'Client secret (not shown): ' "$secret"
  has "$(<"$place/terminal")" 'kept as profile default in the kernel keyring'
  ! grep --fixed-strings "$secret" "$place/terminal" || fail 'the terminal showed the secret'
  prints 1 root pgrep --count dt-credd
  prints "$(root pgrep dt-credd)" served_by
  prints 1 tokens
}

curl_has_the_list_in_several_shells_at_once_by_one_token() {
  local shell shells=()
  for shell in 1 2 3 4 5; do
    you "for i in 1 2 3 4; do $CURL || exit; echo; done" >"$place/shell-$shell" &
    shells+=($!)
  done
  for shell in "${shells[@]}"; do wait "$shell"; done
  equal "$(cat "$place"/shell-? | jq --slurp 'map(select(.assets)) | length')" 20
  prints 1 tokens
}

cron_has_it_too() {
  printf 'DT_CRED_NO_START=1\n* * * * * %s >from-cron.part && mv from-cron.part from-cron\n' "$CURL" | you 'crontab -'
  until_it test -e "$place/root/home/you/from-cron"
  you 'crontab -r && cat from-cron' | jq --exit-status .assets >/dev/null
  prints 1 tokens
}

a_daemon_that_is_killed_is_replaced_at_the_next_get() {
  local socket daemon
  socket=$(you "$SOCKET")
  daemon=$(served_by)
  you "kill -KILL $daemon && $CURL" | jq --exit-status .assets >/dev/null
  differ "$(served_by)" "$daemon"
  prints "$socket" you "$SOCKET"
}

a_restarted_daemon_serves_without_a_login() {
  local daemon
  daemon=$(served_by)
  silent you 'systemctl --user restart dt-cred.service'
  you "$CURL" | jq --exit-status .assets >/dev/null
  differ "$(served_by)" "$daemon"
}

# The issuer's own time is what curl waits for the same issuer: connection, TLS, and an answer.
from_the_socket_to_the_first_answer_it_is_150_ms_at_most_besides_the_issuer() {
  local times
  times=$(you "
    token=\$(dt-cred get) || exit
    for i in 1 2 3 4 5 6 7 8 9 10; do
      issuer=\$(curl --silent --fail --output /dev/null --write-out '%{time_total}' -H \"\$token\" $url/archivist/v2/assets) || exit
      systemctl --user stop dt-cred.service 2>/dev/null && systemctl --user reset-failed dt-cred.service dt-cred.socket || exit
      before=\$EPOCHREALTIME && dt-cred get >/dev/null || exit
      issuer=\${issuer/.}
      echo \$((\${EPOCHREALTIME/.} - \${before/.} - 10#\$issuer))
    done" | sort --numeric-sort)
  equal "$(wc -l <<<"$times")" 10
  local median worst
  median=$(sed -n 6p <<<"$times")
  worst=$(sed -n 10p <<<"$times")
  printf '   besides the issuer, in µs: %s\n' "${times//$'\n'/ }"
  [[ $median -le 150000 ]] || fail "the median is $median µs"
  # Of one start alone the machine's other work may make much more, but not as much as something that waits.
  [[ $worst -le 1000000 ]] || fail "one of them took $worst µs"
}

systemd_ends_a_crash_loop_and_status_tells_it_with_what_mends_it() {
  local said code=0
  you "mkdir -p $DROP_INS && printf '[Service]\nExecStart=\nExecStart=/bin/false\n' >$DROP_INS/crash.conf && systemctl --user daemon-reload"
  you 'systemctl --user stop dt-cred.service' 2>"$place/stopped"
  said=$(you 'unset DT_CRED_NO_START; dt-cred get --timeout 60 2>&1') || code=$?
  equal "$code" 3
  until_it you 'systemctl --user is-failed --quiet dt-cred.socket'
  said=$(you 'dt-cred status 2>&1')
  printf '   status: %s\n' "$said"
  # What it says that mends it does.
  has "$said" "$MEND"
  you "rm $DROP_INS/crash.conf && systemctl --user daemon-reload && $MEND && unset DT_CRED_NO_START && dt-cred start"
  you "$CURL" | jq --exit-status .assets >/dev/null
}

through_an_upgrade_every_get_has_its_token_and_what_is_in_memory_alone_stays_until_the_restart_that_the_readme_tells() {
  local asker daemon code=0
  { grep -v '^ca_file=' "$account"; echo keyring=memory; } | you 'dt-cred store -p fleeting'
  daemon=$(served_by)
  you 'until test -e enough; do dt-cred get >/dev/null && : >asked || exit; done' &
  asker=$!
  until_it asked "$asker"
  packages install /debs/second.deb
  you 'rm asked'
  until_it asked "$asker"
  you 'touch enough'
  wait "$asker"
  you 'rm asked enough'
  has "$(root dpkg-query --show dt-cred)" '-2'
  prints "$daemon" served_by
  you 'dt-cred get -p fleeting >/dev/null'
  silent you "$UPGRADED"
  you "$CURL" | jq --exit-status .assets >/dev/null
  differ "$(served_by)" "$daemon"
  prints /usr/bin/dt-credd root readlink "/proc/$(served_by)/exe"
  prints 'Fresh access tokens for dt-cred (second)' you 'systemctl --user show --property=Description --value dt-cred.service'
  you 'dt-cred get -p fleeting' 2>"$place/forgotten" || code=$?
  equal "$code" 5
}

whoever_logs_out_and_in_again_has_the_same_daemon_and_token() {
  local daemon token
  daemon=$(served_by)
  token=$(you 'dt-cred get | sha256sum')
  until_it logged_out
  prints "$token" you 'dt-cred get | sha256sum'
  prints "$daemon" served_by
}

without_linger_the_daemon_ends_with_the_last_login_and_the_next_one_has_a_token() {
  local daemon
  daemon=$(served_by)
  root test -e "/proc/$daemon"
  root loginctl disable-linger you
  until_it root test ! -e "/proc/$daemon"
  until_it nobody_runs
  you "$CURL" | jq --exit-status .assets >/dev/null
  root loginctl enable-linger you
}

no_file_holds_the_secret_or_a_token_on_disk_or_in_memory() {
  local words=$place/words probes="/dev/shm/probe
/home/you/probe
/run/user/$uid/probe
/tmp/probe"
  printf '%s\n' "$secret" "$(you 'dt-cred get --format raw')" 'q7Zt-planted-4LwX' >"$words"
  equal "$(wc -l <"$words")" 3
  root journalctl --output=export >"$place/journal"
  # What is found of all that the user can write is what was put there.
  echo 'q7Zt-planted-4LwX' | you "tee ${probes//$'\n'/ } >/dev/null"
  equal "$(holding "$words")" "$probes"
  you "rm ${probes//$'\n'/ }"
}

from_a_boot_to_the_first_token_nobody_starts_anything_but_the_socket() {
  grep -v '^ca_file=' "$account" | you "umask 077 && mkdir -p $DROP_INS .config/dt-cred && cat >.config/dt-cred/default &&
    printf '[Service]\nLoadCredential=dt-cred.default:%%h/.config/dt-cred/default\n' >$DROP_INS/credential.conf"
  # A job that runs at each boot, with nobody there.
  you "printf '%s\n' '[Unit]' After=dt-cred.socket '[Service]' Type=oneshot Environment=DT_CRED_NO_START=1 ExecStart=%h/job '[Install]' WantedBy=default.target \
    >.config/systemd/user/job.service && systemctl --user enable --quiet job.service"
  printf '#!/bin/sh\n%s >from-job.part && mv from-job.part from-job\n' "$CURL" | you 'cat >job && chmod +x job'
  reboot
  until_it test -e "$place/root/home/you/from-job"
  jq --exit-status .assets "$place/root/home/you/from-job" >/dev/null
  you "$CURL" | jq --exit-status .assets >/dev/null
  prints "$(root pgrep dt-credd)" served_by
  you 'systemctl --user disable --quiet job.service && rm .config/systemd/user/job.service job from-job'
}

a_purge_ends_the_daemon_and_leaves_nothing_but_what_is_the_users() {
  local state='systemctl --user show --property=ActiveState --value dt-cred.socket dt-cred.service'
  prints $'active\n\nactive' you "$state"
  packages purge dt-cred
  nobody_runs
  # Nobody listens either, for a program that is not there.
  prints $'inactive\n\ninactive' you "$state"
  diff "$place/files" <(files)
  prints './.config/dt-cred/default
./.config/systemd/user/dt-cred.service.d/credential.conf
./.config/systemd/user/sockets.target.wants/dt-cred.socket
./.local/state/dt-cred/state.lock
./.local/state/dt-cred/state.toml' you "$OF_DT_CRED"
  # The lock, which the last login takes along.
  prints "/run/user/$uid/dt-cred
/run/user/$uid/dt-cred/agent.lock" in_runtime_folder
}

installed_again_it_serves_without_a_login() {
  packages install /debs/second.deb
  # Nothing listens before the next login, but a command has systemd listen.
  you "unset DT_CRED_NO_START; $CURL" | jq --exit-status .assets >/dev/null
}

whoever_takes_the_service_away_with_all_of_theirs_and_purges_has_nothing_left() {
  you "rm -r $DROP_INS .config/dt-cred && systemctl --user daemon-reload && dt-cred stop"
  { grep -v '^ca_file=' "$account"; echo keyring=keyutils; } | you 'dt-cred store'
  you 'dt-cred service uninstall --user'
  nobody_runs
  packages purge dt-cred
  diff "$place/files" <(files)
  prints '' you "$OF_DT_CRED"
  prints '' in_runtime_folder
  prints 'keyring is empty' keys
}
