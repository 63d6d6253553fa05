{{- define "tenon.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- /* The release's name, unless it says "tenon" already. Room is left for the suffixes of the roles. */ -}}
{{- define "tenon.fullname" -}}
{{- $name := include "tenon.name" . -}}
{{- $both := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- .Values.fullnameOverride | default $both | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "tenon.serviceAccountName" -}}
{{- $made := .Values.serviceAccount.create | ternary (include "tenon.fullname" .) "default" -}}
{{- .Values.serviceAccount.name | default $made -}}
{{- end }}

{{- define "tenon.selectorLabels" -}}
app.kubernetes.io/name: {{ include "tenon.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* Helm adds app.kubernetes.io/managed-by itself when it installs. */ -}}
{{- define "tenon.labels" -}}
{{ include "tenon.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- with .Values.additionalLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* Labels, and annotations where there are any: the part of the metadata that all objects share. */ -}}
{{- define "tenon.metadata" -}}
labels:
  {{- include "tenon.labels" . | nindent 2 }}
{{- with .Values.additionalAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "tenon.image" -}}
{{- $image := .Values.controller.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- /* What Karpenter can do and tenon cannot is refused: a setting without effect would be a promise broken in silence. */ -}}
{{- define "tenon.checkSettings" -}}
{{- if .Values.settings.schedulerConfig -}}
{{- fail "settings.schedulerConfig: tenon takes kube-scheduler's defaults; leave it out" -}}
{{- end -}}
{{- end }}

{{- /* As Karpenter reads them: Name=bool, with commas. The values' names begin in lower case. */ -}}
{{- define "tenon.featureGates" -}}
{{- $gates := list -}}
{{- range $name, $on := .Values.settings.featureGates -}}
{{- $gates = append $gates (printf "%s%s=%t" (substr 0 1 $name | upper) (substr 1 -1 $name) $on) -}}
{{- end -}}
{{- join "," $gates -}}
{{- end }}

{{- /* Gives each of a list of objects the pods' own label selector, where it has none. */ -}}
{{- define "tenon.selectOwnPods" -}}
{{- $selector := dict "matchLabels" (include "tenon.selectorLabels" .root | fromYaml) -}}
{{- range .terms -}}
{{- if not (hasKey . "labelSelector") -}}
{{- $_ := set . "labelSelector" $selector -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "tenon.affinity" -}}
{{- $root := . -}}
{{- $affinity := deepCopy .Values.affinity -}}
{{- range $kind := list "podAffinity" "podAntiAffinity" -}}
{{- $rules := get $affinity $kind | default (dict) -}}
{{- $terms := get $rules "requiredDuringSchedulingIgnoredDuringExecution" | default (list) -}}
{{- range get $rules "preferredDuringSchedulingIgnoredDuringExecution" | default (list) -}}
{{- $terms = append $terms .podAffinityTerm -}}
{{- end -}}
{{- include "tenon.selectOwnPods" (dict "root" $root "terms" $terms) -}}
{{- end -}}
{{- toYaml $affinity -}}
{{- end }}

{{- define "tenon.topologySpreadConstraints" -}}
{{- $constraints := list -}}
{{- range .Values.topologySpreadConstraints -}}
{{- $constraints = append $constraints (deepCopy .) -}}
{{- end -}}
{{- include "tenon.selectOwnPods" (dict "root" . "terms" $constraints) -}}
{{- toYaml $constraints -}}
{{- end }}
