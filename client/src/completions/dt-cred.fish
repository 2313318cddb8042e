# fish completion for dt-cred: dt-cred completions fish | source
# It asks dt-cred what may stand where the cursor is.
function __dt_cred_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in ($words[1] __complete "=$current" $words[2..] 2>/dev/null)
        switch $line
            case ':files'
                set -l before (string match -r -- '^--[^=]*=' "$current")
                for file in (complete -C "'' "(string escape -- (string replace -r -- '^--[^=]*=' '' "$current")))
                    echo "$before$file"
                end
            case ':command *'
                set -l begin (math (string replace ':command ' '' -- $line) + 2)
                set -l rest
                test $begin -le (count $words); and set rest (string escape -- $words[$begin..])
                complete -C (string join ' ' -- $rest "$current")
            case '*'
                echo $line
        end
    end
end
complete -c dt-cred -f -k -a '(__dt_cred_complete)'
