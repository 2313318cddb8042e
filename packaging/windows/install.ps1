<#
.SYNOPSIS
    Installs dt-cred for this user alone, without an administrator; -Uninstall takes it away.
.DESCRIPTION
    Copies dt-cred.exe and dt-credd.exe to %LOCALAPPDATA%\Programs\dt-cred, puts that folder on the user's PATH, and has
    the daemon started at each logon (dt-cred service install). Run it again with newer programs to replace them.

    -Uninstall takes back just that. What is kept in the Credential Manager stays: `dt-cred service uninstall --user`,
    before it, forgets that too.
.PARAMETER From
    The folder that has both programs. By default the one that this script lies in.
.EXAMPLE
    powershell -ExecutionPolicy Bypass -File install.ps1
#>
[CmdletBinding()]
param(
    [string] $From = $PSScriptRoot,
    [switch] $Uninstall
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$folder = Join-Path $env:LOCALAPPDATA 'Programs\dt-cred'
$client = Join-Path $folder 'dt-cred.exe'
$programs = 'dt-credd.exe', 'dt-cred.exe'

# Runs the installed client, and fails where it does.
function Invoke-Client {
    & $client @args
    if ($LASTEXITCODE -ne 0) {
        throw "dt-cred $args failed with exit code ${LASTEXITCODE}: see what it said, then run this again"
    }
}

# Changes the user's PATH. Its variables stay variables, which [Environment] would replace by what they are today.
function Edit-UserPath([scriptblock] $Change) {
    $key = [Microsoft.Win32.Registry]::CurrentUser.OpenSubKey('Environment', $true)
    try {
        $before = [string] $key.GetValue('Path', '', 'DoNotExpandEnvironmentNames')
        $entries = @($before -split ';' | Where-Object { $_ -ne '' })
        $after = @(& $Change $entries) -join ';'
        if ($after -eq ($entries -join ';')) {
            return $false
        }
        $key.SetValue('Path', $after, 'ExpandString')
    } finally {
        $key.Dispose()
    }
    # Sets nothing, and tells every window that the environment has changed.
    [Environment]::SetEnvironmentVariable('DT_CRED_INSTALLED', $null, 'User')
    return $true
}

if ($Uninstall) {
    if (Test-Path -LiteralPath $client) {
        Invoke-Client service uninstall
        Invoke-Client stop
    }
    foreach ($program in $programs) {
        $path = Join-Path $folder $program
        if (Test-Path -LiteralPath $path) {
            Remove-Item -LiteralPath $path
            "removed $path"
        }
    }
    # Whatever else lies there is not ours.
    if ((Test-Path -LiteralPath $folder) -and -not (Get-ChildItem -LiteralPath $folder -Force)) {
        Remove-Item -LiteralPath $folder
        "removed $folder"
    }
    if (Edit-UserPath { param($entries) $entries | Where-Object { $_ -ne $folder } }) {
        "removed $folder from your PATH"
    }
    return
}

foreach ($program in $programs) {
    if (-not (Test-Path -LiteralPath (Join-Path $From $program) -PathType Leaf)) {
        throw "$program is not in ${From}: name the folder that has it by -From"
    }
}
if (Test-Path -LiteralPath $client) {
    # A program that runs cannot be replaced.
    Invoke-Client stop
}
New-Item -ItemType Directory -Force -Path $folder | Out-Null
foreach ($program in $programs) {
    Copy-Item -LiteralPath (Join-Path $From $program) -Destination $folder -Force
    "installed $(Join-Path $folder $program)"
}
if (Edit-UserPath { param($entries) if ($entries -contains $folder) { $entries } else { $entries + $folder } }) {
    "added $folder to your PATH: shells have it that are opened from now on"
}
Invoke-Client service install
'Completion in PowerShell: put this line into $PROFILE'
'    dt-cred completions powershell | Out-String | Invoke-Expression'
'Next: dt-cred login'
