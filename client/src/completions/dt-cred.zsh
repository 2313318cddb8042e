#compdef dt-cred
# zsh completion for dt-cred: source <(dt-cred completions zsh) after compinit, or this text as _dt-cred in a folder of fpath.
# It asks dt-cred what may stand where the cursor is.
_dt_cred() {
  local line rest name what
  local -a answer described
  answer=("${(@f)$(${(Q)words[1]/#\~\//$HOME/} __complete "=${(Q)PREFIX}" "${(@Q)words[2,CURRENT-1]}" 2>/dev/null)}")
  for line in $answer; do
    case $line in
      :files | ':command '*) rest=$line ;;
      *)
        name=${line%%$'\t'*} what=
        [[ $line == *$'\t'* ]] && what=${line#*$'\t'}
        described+=("${name//:/\\:}${what:+:$what}")
        ;;
    esac
  done
  case $rest in
    :files)
      compset -P '--*='
      _files
      ;;
    ':command '*)
      local begin=$((${rest#:command } + 1))
      shift $begin words
      ((CURRENT -= begin))
      _normal
      ;;
    *) ((${#described})) && _describe -V dt-cred described ;;
  esac
}
if [[ ${funcstack[1]} == _dt-cred ]]; then _dt_cred "$@"; else compdef _dt_cred dt-cred; fi
