# PowerShell completion for dt-cred: dt-cred completions powershell | Out-String | Invoke-Expression
# It asks dt-cred what may stand where the cursor is.
Register-ArgumentCompleter -Native -CommandName 'dt-cred', 'dt-cred.exe' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $elements = @($commandAst.CommandElements)
    $before = @($elements | Select-Object -Skip 1 | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        ForEach-Object { if ($_.PSObject.Properties['Value']) { [string]$_.Value } else { $_.Extent.Text } })
    $program = $elements[0].Extent.Text.Trim("'", '"')
    foreach ($line in @(& $program '__complete' "=$wordToComplete" @before 2>$null)) {
        if ($line -eq ':files' -or ($line -like ':command *' -and [int]$line.Substring(9) -lt $before.Count)) {
            $typed = $wordToComplete -replace '^--[^=]*=', ''
            $kept = $wordToComplete.Substring(0, $wordToComplete.Length - $typed.Length)
            foreach ($file in [System.Management.Automation.CompletionCompleters]::CompleteFilename($typed)) {
                [System.Management.Automation.CompletionResult]::new(
                    $kept + $file.CompletionText, $file.ListItemText, $file.ResultType, $file.ToolTip)
            }
        } elseif ($line -like ':command *') {
            [System.Management.Automation.CompletionCompleters]::CompleteCommand($wordToComplete)
        } else {
            $word, $what = $line -split "`t", 2
            if (-not $what) { $what = $word }
            [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $what)
        }
    }
}
