# bash completion for dt-cred: eval "$(dt-cred completions bash)"
# It asks dt-cred what may stand where the cursor is. Made for bash 3.2 and newer.
_dt_cred() {
  local IFS=$' \t\n' i word line rest= attach= program="${1/#\~\//$HOME/}"
  local words=() at=()
  # bash takes --name=value for three words.
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ (-n $attach || $word == =) && ${#words[@]} -gt 0 ]]; then
      words[${#words[@]} - 1]+=$word
    else
      words[${#words[@]}]=$word
      at[${#at[@]}]=$i
    fi
    if [[ $word == = ]]; then attach=1; else attach=; fi
  done
  local last=$((${#words[@]} - 1))
  local current=${words[last]}
  unset "words[last]"
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files | ':command '*) rest=$line ;;
      *) COMPREPLY[${#COMPREPLY[@]}]=${line%%$'\t'*} ;;
    esac
  done < <("$program" __complete "=$current" ${words[@]+"${words[@]}"} 2>/dev/null)
  local before=
  case $current in --*=*) before=${current%%=*}= ;; esac
  case $rest in
    :files)
      compopt -o filenames 2>/dev/null
      while IFS= read -r line; do COMPREPLY[${#COMPREPLY[@]}]=$line; done < <(compgen -f -- "${current#"$before"}")
      ;;
    ':command '*)
      local begin=${rest#:command }
      if declare -F _command_offset >/dev/null; then
        _command_offset "${at[begin]}"
      else
        local kind=-f
        if ((begin == last)); then kind=-c; else compopt -o filenames 2>/dev/null; fi
        while IFS= read -r line; do COMPREPLY[${#COMPREPLY[@]}]=$line; done < <(compgen "$kind" -- "$current")
      fi
      ;;
    *)
      # What stands before the = is there already, and stays.
      if [[ -n $before && $COMP_WORDBREAKS == *=* ]]; then
        for ((i = 0; i < ${#COMPREPLY[@]}; i++)); do COMPREPLY[i]=${COMPREPLY[i]#"$before"}; done
      fi
      ;;
  esac
}
complete -F _dt_cred dt-cred
