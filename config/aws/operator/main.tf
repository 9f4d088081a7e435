# Lanyard's own role as a Terraform module, equal to cloudformation.json. The policies are those of the files beside this
# folder. See docs/install.md.
#
#   module "lanyard" {
#     source       = "<this folder>"
#     cluster_name = "prod"
#   }

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.29"
    }
  }
}

variable "cluster_name" {
  description = "The EKS cluster."
  type        = string
}

variable "read_only" {
  description = "For an operator that only reports."
  type        = bool
  default     = false
}

variable "boundary_name" {
  description = "Managed policy that every role needs as its permissions boundary; null: none is required."
  type        = string
  default     = null
}

variable "namespace" {
  description = "Namespace of the operator."
  type        = string
  default     = "lanyard-system"
}

variable "service_account" {
  description = "ServiceAccount of the operator."
  type        = string
  default     = "lanyard"
}

output "role_arn" {
  description = "The ARN of the role."
  value       = aws_iam_role.lanyard.arn
}

data "aws_partition" "this" {}

data "aws_caller_identity" "this" {}

data "aws_region" "this" {}

locals {
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition
  region    = data.aws_region.this.id
  cluster   = "arn:${local.partition}:eks:${local.region}:${local.account}:cluster/${var.cluster_name}"

  files = merge(
    { lanyard = var.read_only ? "read-only.json" : "read-write.json" },
    var.boundary_name == null ? {} : { require-boundary = "require-boundary.json" },
  )
  policies = {
    for name, file in local.files : name => replace(replace(replace(replace(replace(
      file("${path.module}/../${file}"),
      "arn:aws:", "arn:${local.partition}:"),
      "BOUNDARY", coalesce(var.boundary_name, "none")),
      "ACCOUNT", local.account),
      "REGION", local.region),
    "CLUSTER", var.cluster_name)
  }
}

resource "aws_iam_role" "lanyard" {
  name = "lanyard-${var.cluster_name}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "pods.eks.amazonaws.com" }
      Action    = ["sts:AssumeRole", "sts:TagSession"]
      Condition = { StringEquals = {
        "aws:RequestTag/eks-cluster-arn"            = local.cluster
        "aws:RequestTag/kubernetes-namespace"       = var.namespace
        "aws:RequestTag/kubernetes-service-account" = var.service_account
      } }
    }]
  })
}

resource "aws_iam_role_policy" "lanyard" {
  for_each = local.policies
  name     = each.key
  role     = aws_iam_role.lanyard.name
  policy   = each.value
}

resource "aws_eks_pod_identity_association" "lanyard" {
  cluster_name    = var.cluster_name
  namespace       = var.namespace
  service_account = var.service_account
  role_arn        = aws_iam_role.lanyard.arn
}
