{{- define "lanyard.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "lanyard.selectorLabels" -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "lanyard.labels" -}}
{{ include "lanyard.selectorLabels" . }}
app.kubernetes.io/part-of: lanyard
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "lanyard.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "lanyard.fullname" .) -}}
{{- else -}}
{{- required "serviceAccount.name is required when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "lanyard.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- /* The settings as variables: every flag --x-y of the operator is LANYARD_X_Y. A null value is left out. */ -}}
{{- define "lanyard.settings" -}}
{{- $given := dict -}}
{{- if and .Values.clusterName .Values.clusterId -}}
{{- fail "clusterName is for EKS clusters and clusterId for all others: set only one of them" -}}
{{- end -}}
{{- if not (or .Values.clusterName .Values.clusterId) -}}
{{- fail "clusterName is required, with region: the name of the EKS cluster. For a cluster that is not EKS set clusterId" -}}
{{- end -}}
{{- if and .Values.issuer .Values.clusterName -}}
{{- fail "issuer requires clusterId: the operator reads the issuer of an EKS cluster from EKS" -}}
{{- end -}}
{{- with .Values.clusterName }}{{ $_ := set $given "CLUSTER_NAME" . }}{{ end -}}
{{- with .Values.clusterId }}{{ $_ := set $given "CLUSTER_ID" . }}{{ end -}}
{{- with .Values.issuer }}{{ $_ := set $given "ISSUER" . }}{{ end -}}
{{- with .Values.region }}{{ $_ := set $given "REGION" . }}{{ end -}}
{{- $settings := omit .Values.settings "metricsPort" "healthPort" "requireClass" "readOnly" "leaseNamespace" "leaseName" -}}
{{- range $name, $value := $settings -}}
{{- if not (kindIs "invalid" $value) -}}
{{- $_ := set $given ($name | snakecase | upper) $value -}}
{{- end -}}
{{- end -}}
{{- if .Values.settings.readOnly }}{{ $_ := set $given "READ_ONLY" true }}{{ end -}}
{{- $requireClass := .Values.settings.requireClass -}}
{{- if kindIs "invalid" $requireClass }}{{ $requireClass = .Values.rbac.tenants }}{{ end -}}
{{- if $requireClass }}{{ $_ := set $given "REQUIRE_CLASS" true }}{{ end -}}
{{- if ne .Values.settings.leaseNamespace "kube-system" }}{{ $_ := set $given "LEASE_NAMESPACE" .Values.settings.leaseNamespace }}{{ end -}}
{{- if ne .Values.settings.leaseName "lanyard" }}{{ $_ := set $given "LEASE_NAME" .Values.settings.leaseName }}{{ end -}}
{{- if ne (int .Values.settings.metricsPort) 8080 }}{{ $_ := set $given "METRICS_ADDR" (printf "[::]:%v" .Values.settings.metricsPort) }}{{ end -}}
{{- if ne (int .Values.settings.healthPort) 8081 }}{{ $_ := set $given "HEALTH_ADDR" (printf "[::]:%v" .Values.settings.healthPort) }}{{ end -}}
{{- range $name, $value := $given }}
LANYARD_{{ $name }}: {{ $value | toString | quote }}
{{- end }}
{{- end -}}

{{- /* The rules of the first object of a file, which is a copy of one of the kustomize manifests. */ -}}
{{- define "lanyard.rules" -}}
{{- (index (splitList "\n---\n" (.Files.Get .file)) 0 | fromYaml).rules | toYaml -}}
{{- end -}}

{{- define "lanyard.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
# Makes the IRSA token readable.
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "lanyard.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- /* A ClusterRole with the rules of a file and its binding to the operator. Input: root, file, suffix. */ -}}
{{- define "lanyard.clusterRole" -}}
{{- $root := .root -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ include "lanyard.fullname" $root }}{{ .suffix }}
  labels:
    {{- include "lanyard.labels" $root | nindent 4 }}
rules:
  {{- include "lanyard.rules" (dict "Files" $root.Files "file" .file) | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ include "lanyard.fullname" $root }}{{ .suffix }}
  labels:
    {{- include "lanyard.labels" $root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ include "lanyard.fullname" $root }}{{ .suffix }}
subjects:
  - kind: ServiceAccount
    name: {{ include "lanyard.serviceAccount" $root }}
    namespace: {{ $root.Release.Namespace }}
{{- end -}}
